// Reads every Kubernetes manifest under the folder given and checks each document against Kubernetes' own schema.
//   node tests/npm/kubernetes.mjs deploy/kubernetes
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as apps from "kubernetes-models/apps/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import yaml from "yaml";

const models = { "apps/v1": apps, "policy/v1": policy, v1: core };

let checked = 0, wrong = 0;
const complain = text => { console.error(text); wrong++; };
for (const file of readdirSync(process.argv[2]).filter(name => name.endsWith(".yaml"))) {
  for (const document of yaml.parseAllDocuments(readFileSync(join(process.argv[2], file), "utf8"))) {
    document.errors.forEach(error => complain(`${file}: ${error.message}`));
    const resource = document.toJS();
    if (resource.kind === "Kustomization") {
      resource.resources.forEach(name => readFileSync(join(process.argv[2], name)));
      continue;
    }
    const model = models[resource.apiVersion]?.[resource.kind];
    if (!model) { complain(`${file}: no schema for ${resource.apiVersion} ${resource.kind}`); continue; }
    try { new model(resource).validate(); checked++; }
    catch (error) { complain(`${file}: ${resource.kind} ${resource.metadata?.name}: ${error.message}`); }
  }
}
console.log(`${checked} resources checked, ${wrong} wrong`);
process.exit(wrong || !checked ? 1 : 0);

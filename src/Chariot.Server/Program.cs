using Chariot.Server;
using Chariot.Server.Hosting;

// Socket completions run on the thread that waits for them: at one core it saves a thread switch per read (bench/README.md).
// Read once by the runtime before its first socket, so it has to be set before anything else.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

return args is [] or ["serve", ..] || args[0].StartsWith('-')
    ? await BrokerHost.RunAsync(args is ["serve", .. var options] ? options : args)
    : CommandLine.Run(args);

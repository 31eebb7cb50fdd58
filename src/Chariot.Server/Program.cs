using Chariot.Server.Commands;
using Chariot.Server.Hosting;

// Socket completions run on the thread that waits for them: at one core it saves a thread switch per read (bench/README.md).
// Read once by the runtime before its first socket, so it has to be set before anything else.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

return CommandLine.IsServe(args)
    ? await BrokerHost.RunAsync(args is ["serve", .. var options] ? options : args)
    : await CommandLine.RunAsync(args);

using Chariot.LoadGenerator;

if (args is ["--help"] or ["-h"])
{
    Console.WriteLine(LoadOptions.Usage);
    Console.WriteLine();
    Console.WriteLine(TlsConnectRun.Usage);
    Console.WriteLine();
    Console.WriteLine(FilterRun.Usage);
    return 0;
}

try
{
    if (args is ["tls-connect", .. var connects])
    {
        Console.WriteLine(await new TlsConnectRun(connects).ExecuteAsync());
        return 0;
    }

    if (args is ["filters", .. var filters])
    {
        var subscribed = await new FilterRun(filters).ExecuteAsync();
        Console.WriteLine(subscribed.Json);
        return subscribed.Missed == 0 ? 0 : 1;
    }

    using var run = new LoadRun(LoadOptions.Parse(args));
    var result = run.Execute();
    Console.WriteLine(result.ToJson());
    return result.Lost == 0 && result.OutOfOrder == 0 ? 0 : 1;
}
catch (FormatException error)
{
    Console.Error.WriteLine($"{error.Message}; --help explains the options");
    return 2;
}
catch (IOException error)
{
    Console.Error.WriteLine(error.Message);
    return 3;
}
catch (System.Security.Authentication.AuthenticationException error)
{
    Console.Error.WriteLine(error.Message);
    return 3;
}
catch (System.Net.Sockets.SocketException error)
{
    Console.Error.WriteLine(error.Message);
    return 3;
}

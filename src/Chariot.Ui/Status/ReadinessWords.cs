namespace Chariot.Ui.Status;

/// <summary>The codes of <c>/readyz</c> in words.</summary>
internal static class ReadinessWords
{
    public static string Of(string reason) => reason switch
    {
        "draining" => "It is stopping: its clients are being told to go elsewhere.",
        "starting" => "It is starting: its listeners do not accept clients yet.",
        "configuration-unreachable" => "It cannot tell whether its configuration is in force, so it serves nobody. Check the store and the other nodes.",
        _ => "It is not ready. Its log says more.",
    };
}

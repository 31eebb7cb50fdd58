using System.Text;

namespace Chariot.Server.Commands;

/// <summary>Asks the person at the terminal; asks nobody when there is none.</summary>
internal static class Question
{
    public static bool CanAsk => !Console.IsInputRedirected;

    /// <summary>Whether the answer is the whole word yes. Without a terminal a <see cref="UsageException"/> that says <paramref name="option"/>.</summary>
    public static bool Confirm(string question, string option)
    {
        if (!CanAsk)
        {
            throw new UsageException($"Nothing was changed: nobody is there to ask. Give {option}.");
        }

        Console.Error.Write($"{AlignedText.Clean(question)} Type yes: ");
        return string.Equals(Console.ReadLine()?.Trim(), "yes", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Typed without being shown.</summary>
    public static string Secret(string prompt)
    {
        Console.Error.Write($"{prompt}: ");
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key != ConsoleKey.Backspace)
            {
                typed.Append(key.KeyChar);
            }
            else if (typed.Length > 0)
            {
                typed.Length--;
            }
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }
}

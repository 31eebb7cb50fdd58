using MudBlazor;

namespace Chariot.Ui.Layout;

/// <summary>Colours and fonts. Every pair of text and background has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3); no font is fetched.</summary>
internal static class Look
{
    private static readonly string[] Fonts = ["system-ui", "Segoe UI", "Roboto", "Noto Sans", "Helvetica Neue", "Arial", "sans-serif"];

    public static MudTheme Theme { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#0b5c8a",
            Secondary = "#5b4a9e",
            Success = "#1b6e3c",
            Warning = "#8a5300",
            Error = "#b3261e",
            Info = "#0b5c8a",
            Background = "#f5f7f9",
            Surface = "#ffffff",
            AppbarBackground = "#0b3d5c",
            AppbarText = "#ffffff",
            DrawerBackground = "#ffffff",
            DrawerText = "#1d2733",
            DrawerIcon = "#45525f",
            TextPrimary = "#1d2733",
            TextSecondary = "#4a5763",
            TextDisabled = "#5f6b76",
            ActionDefault = "#45525f",
            ActionDisabled = "#6b7680",
            LinesInputs = "#6b7680",
            TableLines = "#d9dfe4",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#7cc7f2",
            PrimaryContrastText = "#06283b",
            Secondary = "#c3b5f5",
            SecondaryContrastText = "#221646",
            Success = "#7ddba0",
            SuccessContrastText = "#06301a",
            Warning = "#f2c069",
            WarningContrastText = "#3a2500",
            Error = "#ffb4ab",
            ErrorContrastText = "#56100a",
            Info = "#7cc7f2",
            InfoContrastText = "#06283b",
            Background = "#12181e",
            Surface = "#1a232b",
            AppbarBackground = "#0a2a40",
            AppbarText = "#ffffff",
            DrawerBackground = "#1a232b",
            DrawerText = "#e4eaef",
            DrawerIcon = "#b7c3cd",
            TextPrimary = "#e4eaef",
            TextSecondary = "#b7c3cd",
            TextDisabled = "#93a0ab",
            ActionDefault = "#b7c3cd",
            ActionDisabled = "#8b98a3",
            LinesInputs = "#93a0ab",
            LinesDefault = "#36434e",
            TableLines = "#36434e",
            Divider = "#36434e",
        },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = Fonts, FontSize = "1rem" },
            H4 = new H4Typography { FontSize = "1.75rem", FontWeight = "500" },
            H5 = new H5Typography { FontSize = "1.25rem", FontWeight = "500" },
            H6 = new H6Typography { FontSize = "1.05rem", FontWeight = "600" },
            Button = new ButtonTypography { TextTransform = "none", FontSize = "0.95rem" },
        },
        LayoutProperties = new LayoutProperties { DrawerWidthLeft = "15rem" },
    };
}

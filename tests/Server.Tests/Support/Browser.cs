using Microsoft.Playwright;

namespace Tessera.Server.Tests.Support;

/// <summary>A server and a browser that looks at its page.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly float Longest = (float)Patience.Limit.TotalMilliseconds;
    private IPlaywright? playwright;
    private IBrowser? browser;

    public TinyServer Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Assertions.SetDefaultExpectTimeout(Longest);
        Server = await TinyServer.StartAsync(
            TinyServer.Options with
            {
                Models = static () =>
                    [new ServedModel(TinyServer.Model, TinyServer.Files), new ServedModel("tiny-next", TinyServer.Slicing)],
            }
        );
        if (ChromiumFactAttribute.Program is not { } program)
            return;
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions
            {
                ExecutablePath = program,
                Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
                Timeout = Longest,
            }
        );
    }

    /// <summary>Opens the page as somebody who was never there. What the page complains of is an error.</summary>
    public async Task<IPage> OpenAsync(int width = 1280, int height = 800, ColorScheme colors = ColorScheme.Light)
    {
        IBrowserContext context = await browser!.NewContextAsync(
            new BrowserNewContextOptions
            {
                BaseURL = Server.Address.ToString(),
                ViewportSize = new ViewportSize { Width = width, Height = height },
                ColorScheme = colors,
                Permissions = ["clipboard-read", "clipboard-write"],
            }
        );
        IPage page = await context.NewPageAsync();
        page.SetDefaultTimeout(Longest);
        await page.GotoAsync("/");
        return page;
    }

    public async Task DisposeAsync()
    {
        if (browser is not null)
            await browser.DisposeAsync();
        playwright?.Dispose();
        await Server.DisposeAsync();
    }
}

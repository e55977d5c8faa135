using System.Text;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>The page, in a real browser.</summary>
public sealed class PageTests(Browser browser) : IClassFixture<Browser>
{
    // A paste as the browser gives it to a page.
    private const string Paste = """
        async data => {
          const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "shapes.png", { type: "image/png" }));
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }));
        }
        """;

    [ChromiumFact]
    public async Task A_pasted_picture_is_asked_about_and_still_there_after_a_reload()
    {
        IPage page = await browser.OpenAsync();
        await ForceGreedyAsync(page);
        await page.EvaluateAsync(Paste, Convert.ToBase64String(TinyServer.Sample("shapes.png")));
        await Assertions.Expect(page.Locator("#tray figcaption")).ToContainTextAsync("64 tokens");
        await Assertions.Expect(page.Locator("#tray svg rect")).ToHaveCountAsync(1);
        await AskAsync(page, TinyServer.Question);
        await Assertions.Expect(page.Locator("article.assistant .body")).ToContainTextAsync(TinyServer.Answer);
        await Assertions.Expect(page.Locator("article.assistant .tools")).ToContainTextAsync("tokens/s");
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator("article.assistant .body")).ToContainTextAsync(TinyServer.Answer);
        await Assertions.Expect(page.Locator("article.user img")).ToHaveCountAsync(1);
        await AskAsync(page, "What colour is the star?");
        await Assertions.Expect(page.Locator("article.assistant")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator("article.assistant").Last.Locator(".tools")).ToContainTextAsync("cached");
        await page.CloseAsync();
    }

    [ChromiumFact]
    public async Task An_answer_can_be_stopped_made_again_edited_and_branched()
    {
        IPage page = await browser.OpenAsync();
        await page.RouteAsync(
            "**/v1/chat/completions",
            route => route.ContinueAsync(new RouteContinueOptions { PostData = Encoding.UTF8.GetBytes(Endless(route.Request.PostData!)) })
        );
        using (AnswerHold hold = await browser.Server.HoldAsync())
        {
            await AskAsync(page, "Say everything.");
            await hold.StepUntilAsync(Assertions.Expect(page.Locator("article.assistant .body")).ToContainTextAsync("star"));
            await page.GetByRole(AriaRole.Button, new() { Name = "Stop" }).ClickAsync();
            await Assertions.Expect(page.Locator("article.assistant")).ToContainTextAsync("Stopped.");
        }

        await page.UnrouteAllAsync();
        await ForceGreedyAsync(page);
        await page.GetByRole(AriaRole.Button, new() { Name = "Regenerate this answer" }).ClickAsync();
        await Assertions.Expect(page.Locator("article.assistant .tools")).ToContainTextAsync("2 of 2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Earlier version" }).ClickAsync();
        await Assertions.Expect(page.Locator("article.assistant")).ToContainTextAsync("Stopped.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Edit this question" }).ClickAsync();
        await page.Locator(".editor textarea").FillAsync("Hello there");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send the edited question" }).ClickAsync();
        await Assertions.Expect(page.Locator("article.user")).ToContainTextAsync("Hello there");
        await Assertions.Expect(page.Locator("article.user .tools")).ToContainTextAsync("2 of 2");
        await Assertions.Expect(page.Locator("article.assistant .tools")).ToContainTextAsync("tokens");
        await page.Locator("article.user").GetByRole(AriaRole.Button, new() { Name = "Branch off from here" }).ClickAsync();
        await Assertions.Expect(page.Locator("article")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Button, new() { Name = "Chats" }).ClickAsync();
        await Assertions.Expect(page.Locator("#chats li")).ToHaveCountAsync(2);
        await page.GetByRole(AriaRole.Button, new() { Name = "New chat", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("article")).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [ChromiumFact]
    public async Task What_a_model_says_never_becomes_markup_that_runs()
    {
        IPage page = await browser.OpenAsync();
        var dialogs = new List<string>();
        page.Dialog += (_, dialog) => dialogs.Add(dialog.Message);
        string html = await page.EvaluateAsync<string>(
            """
            async () => {
              const { render } = await import("/assets/markdown.js");
              const texts = ["<img src=x onerror=alert(1)> <script>alert(2)</script>", "[a](javascript:alert(3)) ![b](http://evil.example/x.png)",
                "# Head\n\n* one\n* two\n  1. deep\n\n> quote\n\n```js\nalert(4)\n```\n\n| a | b |\n|---|---|\n| **c** | `d` |\n\n_it_ ~~no~~ https://example.org/x."];
              const node = document.createElement("div");
              node.append(...texts.flatMap(render));
              document.body.append(node);
              return node.innerHTML;
            }
            """
        );
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        Assert.DoesNotContain("href=\"javascript", html, StringComparison.Ordinal);
        foreach (
            string part in (string[])
                [
                    "<h3>Head</h3>",
                    "<li>one</li>",
                    "<ol start=\"1\"><li>deep</li></ol>",
                    "<blockquote>",
                    "<pre tabindex=\"0\"><code>alert(4)</code></pre>",
                    "<th>a</th>",
                    "<strong>c</strong>",
                    "<code>d</code>",
                    "<em>it</em>",
                    "<s>no</s>",
                    "href=\"https://example.org/x\"",
                ]
        )
            Assert.Contains(part, html, StringComparison.Ordinal);
        Assert.Empty(dialogs);
        // Even markup that got there would not run.
        string refused = await page.EvaluateAsync<string>(
            """
            () => new Promise(resolve => {
              document.addEventListener("securitypolicyviolation", event => resolve(event.violatedDirective));
              const script = document.createElement("script");
              script.textContent = "alert(5)";
              document.body.append(script);
            })
            """
        );
        Assert.StartsWith("script-src", refused, StringComparison.Ordinal);
        Assert.Empty(dialogs);
        await page.CloseAsync();
    }

    [ChromiumFact]
    public async Task Axe_finds_nothing_at_two_widths_and_in_both_colours()
    {
        foreach ((int width, ColorScheme colors) in ((int, ColorScheme)[])[(1280, ColorScheme.Light), (390, ColorScheme.Dark)])
        {
            IPage page = await browser.OpenAsync(width, 800, colors);
            await page.EvaluateAsync(Paste, Convert.ToBase64String(TinyServer.Sample("shapes.png")));
            await Assertions.Expect(page.Locator("#tray svg rect")).ToHaveCountAsync(1);
            await ForceGreedyAsync(page);
            await page.EvaluateAsync(Paste, Convert.ToBase64String(TinyServer.Sample("shapes.png")));
            await AskAsync(page, TinyServer.Question);
            await Assertions.Expect(page.Locator("article.assistant .tools")).ToContainTextAsync("tokens/s");
            await AssertAccessibleAsync(page);
            await ShootAsync(page, width < 600 ? "page-phone.png" : "page.png");
            Assert.True(
                await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"),
                $"{width}: it scrolls sideways."
            );
            await page.GetByRole(AriaRole.Button, new() { Name = "Chats" }).ClickAsync();
            await AssertAccessibleAsync(page);
            await page.GetByRole(AriaRole.Button, new() { Name = "Chats" }).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Settings" }).ClickAsync();
            await AssertAccessibleAsync(page);
            await page.CloseAsync();
        }
    }

    [ChromiumFact]
    public async Task Slices_are_drawn_for_the_model_that_is_chosen()
    {
        IPage page = await browser.OpenAsync();
        await ForceGreedyAsync(page);
        await page.Locator("#model").SelectOptionAsync("tiny-next");
        await page.EvaluateAsync(Paste, Convert.ToBase64String(TinyServer.Sample("small-print.png")));
        await Assertions.Expect(page.Locator("#tray svg rect")).ToHaveCountAsync(4);
        await Assertions.Expect(page.Locator("#tray figcaption")).ToContainTextAsync("5 slices");
        await AskAsync(page, "What does it say?");
        await Assertions.Expect(page.Locator("article.assistant h2")).ToHaveTextAsync("tiny-next");
        await Assertions.Expect(page.Locator("article.assistant .tools")).ToContainTextAsync("tokens/s");
        await ShootAsync(page, "page-slices.png");
        await page.CloseAsync();
    }

    [ChromiumFact]
    public async Task The_description_is_shown_to_people()
    {
        IPage page = await browser.OpenAsync();
        await page.GotoAsync("/docs");
        await page.GetByText("/v1/chat/completions").ClickAsync();
        await Assertions.Expect(page.Locator("details[open] pre").First).ToContainTextAsync("\"messages\"");
        await AssertAccessibleAsync(page);
        await page.CloseAsync();
    }

    [ChromiumFact]
    public async Task It_can_be_used_by_the_keyboard_alone()
    {
        IPage page = await browser.OpenAsync();
        await Assertions.Expect(page.Locator("#question")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("Hi");
        await page.Keyboard.PressAsync("Shift+Enter");
        await page.Keyboard.TypeAsync("there");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("article.user .body p")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator("article.assistant .tools")).ToContainTextAsync("tokens");
        var reached = new HashSet<string>();
        for (int step = 0; step < 30; step++)
        {
            await page.Keyboard.PressAsync("Tab");
            reached.Add(await page.EvaluateAsync<string>("document.activeElement.id || document.activeElement.textContent"));
        }

        foreach (
            string wanted in (string[])
                ["history-toggle", "model", "new-chat", "settings-open", "log", "Regenerate", "Edit", "Branch", "files", "send"]
        )
            Assert.Contains(wanted, reached);
        await page.CloseAsync();
    }

    // The same request for an answer that fills the context.
    private static string Endless(string request) =>
        request[..^1]
        + """
            ,"max_tokens":1900,"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"array","items":{"enum":["star"]},"minItems":900}}}}
            """;

    private static async Task ForceGreedyAsync(IPage page)
    {
        await page.EvaluateAsync("localStorage.setItem('tessera.temperature', '0'); localStorage.setItem('tessera.max_tokens', '60')");
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator("#model option")).ToHaveCountAsync(2);
    }

    private static async Task AskAsync(IPage page, string text)
    {
        await page.Locator("#question").FillAsync(text);
        await page.GetByRole(AriaRole.Button, new() { Name = "Send", Exact = true }).ClickAsync();
    }

    private static async Task AssertAccessibleAsync(IPage page)
    {
        AxeResult result = await page.RunAxe();
        Assert.True(
            result.Violations.Length == 0,
            string.Join(
                '\n',
                result.Violations.Select(static found =>
                    $"{found.Id}: {found.Help}: {string.Join("; ", found.Nodes.Select(static node => node.Html))}"
                )
            )
        );
    }

    // For whoever wants to look: TESSERA_SHOTS names a folder.
    private static async Task ShootAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("TESSERA_SHOTS") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, name) });
    }
}

using System.Runtime.InteropServices;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Pages of PDF files as pictures, and what a file or a program that draws them can do wrong.</summary>
public sealed class PdfTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [ToolTheory("pdftoppm", "mutool")]
    [InlineData("pdftoppm")]
    [InlineData("mutool")]
    public async Task A_page_is_read(string program)
    {
        if (!InstalledTools.Have(program))
            return;
        string pdf = folder.File("my report.pdf", MadePdf.Write(300, "ONE", "SEVEN"));
        CliRun run = await RunAsync(program, "ask", "--temperature", "0", "-i", pdf + "#2", "What does it say?");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        CliRun look = await RunAsync(program, "look", new Uri(pdf).AbsoluteUri + "#1");
        Assert.StartsWith("picture  2048 x 2048\n", look.Out, StringComparison.Ordinal);
        // Several are several pictures.
        CliRun both = await RunAsync(program, "ask", "--json", "--max-tokens", "1", "-i", pdf + "#1-2", "What?");
        Assert.Equal(128, both.Json.GetProperty("image_tokens").GetInt32());
    }

    [ToolFact("pdftoppm")]
    public async Task The_page_is_the_one_that_was_named()
    {
        string pdf = folder.File("a.pdf", MadePdf.Write(300, "ONE", "TWO")),
            single = folder.File("b.pdf", MadePdf.Write(300, "TWO"));
        string[] files = [folder.File("1.png"), folder.File("2.png"), folder.File("3.png")];
        Assert.Equal(0, (await CliRun.InProcessAsync("look", pdf + "#1", "--save", files[0])).ExitCode);
        Assert.Equal(0, (await CliRun.InProcessAsync("look", pdf + "#2", "--save", files[1])).ExitCode);
        Assert.Equal(0, (await CliRun.InProcessAsync("look", single, "--save", files[2])).ExitCode);
        Assert.NotEqual(File.ReadAllBytes(files[0]), File.ReadAllBytes(files[1]));
        Assert.Equal(File.ReadAllBytes(files[1]), File.ReadAllBytes(files[2]));
    }

    [ToolFact("pdftoppm")]
    public async Task What_cannot_be_drawn_gets_a_sentence()
    {
        string pdf = folder.File("a.pdf", MadePdf.Write(300, "ONE", "TWO"));
        (await CliRun.InProcessAsync("look", pdf)).ShouldFail(1, "a PDF of 2 pages", "a.pdf#1");
        (await CliRun.InProcessAsync("look", pdf + "#3")).ShouldFail(1, "a.pdf#3", "no such page");
        (await CliRun.InProcessAsync("look", pdf + "#x")).ShouldFail(1, "a.pdf#x", "report.pdf#3");
        (await CliRun.InProcessAsync("look", pdf + "#0")).ShouldFail(1, "a.pdf#0");
        (await CliRun.InProcessAsync("look", pdf + "#1-99999")).ShouldFail(1, "at most 100");
        (await CliRun.InProcessAsync("look", folder.File("gone.pdf") + "#1")).ShouldFail(1, "gone.pdf", "no such file");
        string broken = folder.File("broken.pdf", "%PDF-1.4\nnothing"u8);
        (await CliRun.InProcessAsync("look", broken)).ShouldFail(1, "broken.pdf", "cannot read it");
        string fake = folder.File("fake.pdf", "no PDF at all, but text"u8);
        (await CliRun.InProcessAsync("look", fake + "#1")).ShouldFail(1, "fake.pdf", "it is no PDF");
        (await CliRun.InProcessAsync(["look", "-"], MadePdf.Write(300, "ONE"))).ShouldFail(1, "standard input", "This is a PDF");
    }

    // Its pages are 14 km wide; what is drawn has 2048 pixels all the same.
    [ToolFact("pdftoppm")]
    public async Task A_huge_page_stays_small()
    {
        string pdf = folder.File("huge.pdf", MadePdf.Write(40_000_000, "BIG"));
        CliRun run = await CliRun.InProcessAsync("look", pdf, "--json");
        Assert.True(run.ExitCode == 1 || run.Json.GetProperty("image").GetProperty("width").GetInt32() == 2048, run.Error);
    }

    [UnixFact]
    public async Task Without_a_program_it_says_which_to_install()
    {
        string pdf = folder.File("a.pdf", MadePdf.Write(300, "ONE"));
        CliRun run = await CliProcess.RunAsync(["look", pdf], [], ("PATH", folder.FullName + ":" + Path.GetDirectoryName("/usr/bin/env")));
        if (run.ExitCode == 0)
            return;
        run.ShouldFail(1, "a.pdf", "pdftoppm", "mutool", "poppler-utils");
    }

    [UnixFact]
    public async Task A_program_that_writes_without_end_is_ended()
    {
        string pdf = folder.File("a.pdf", MadePdf.Write(300, "ONE"));
        Fake("pdfinfo", "echo 'Pages: 1'");
        Fake("pdftoppm", "exec yes");
        CliRun run = await CliProcess.RunAsync(["look", pdf], [], ("PATH", $"{folder.FullName}:/usr/bin:/bin"));
        run.ShouldFail(1, "a.pdf#1", "writes more than");
    }

    [UnixFact]
    public async Task An_interrupt_ends_the_program_too()
    {
        string pdf = folder.File("a.pdf", MadePdf.Write(300, "ONE")),
            started = folder.File("started");
        Fake("pdfinfo", "echo 'Pages: 1'");
        Fake("pdftoppm", $"echo $$ > '{started}.new'; mv '{started}.new' '{started}'; exec sleep 300");
        using CliProcess look = CliProcess.Start(["look", pdf], ("PATH", $"{folder.FullName}:/usr/bin:/bin"));
        await look.WriteAsync([]);
        await Patience.UntilAsync(() => File.Exists(started), "the program's start");
        look.Signal(PosixSignal.SIGINT);
        Assert.Equal((130, ""), ((await look.EndAsync()) is var run ? (run.ExitCode, run.Error) : default));
        int process = int.Parse(await File.ReadAllTextAsync(started), System.Globalization.CultureInfo.InvariantCulture);
        await Patience.UntilAsync(() => !Directory.Exists($"/proc/{process}"), "the program's end");
    }

    private void Fake(string program, string script)
    {
        string path = folder.File(program, System.Text.Encoding.ASCII.GetBytes($"#!/bin/sh\n{script}\n"));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // With one program on PATH, beside what the program itself needs.
    private async Task<CliRun> RunAsync(string program, params string[] arguments)
    {
        string only = folder.File("only-" + program);
        if (!Directory.Exists(only))
        {
            Directory.CreateDirectory(only);
            foreach (string name in (string[])[program, .. program == "pdftoppm" ? (string[])["pdfinfo"] : [], "env"])
                File.CreateSymbolicLink(Path.Combine(only, name), InstalledTools.Find(name)!);
        }

        return await CliProcess.RunAsync(arguments, [], ("PATH", only));
    }
}

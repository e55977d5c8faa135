using System.CommandLine;
using Tessera.Cli.Output;

namespace Tessera.Cli.Commands;

/// <summary><c>tessera completion SHELL</c>: a script with which a shell asks this program, by System.CommandLine's [suggest] directive,
/// how a line may go on.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _tessera() {
            local line="${COMP_LINE#* }" cut="${COMP_LINE%% *} "
            mapfile -t COMPREPLY < <(tessera "[suggest:$((COMP_POINT - ${#cut}))]" "$line" 2>/dev/null)
        }
        complete -o default -F _tessera tessera
        """;

    private const string Zsh = """
        _tessera() {
            local line="${BUFFER#* }" cut="${BUFFER%% *} "
            local -a found=("${(@f)$(tessera "[suggest:$((CURSOR - ${#cut}))]" "$line" 2>/dev/null)}")
            [[ -n "$found[1]" ]] && compadd -a found || _files
        }
        compdef _tessera tessera
        """;

    private const string Fish = """
        function __tessera
            set -l line (commandline -b)
            set -l cut (string match -r '^\S+\s' -- $line)
            tessera "[suggest:"(math (commandline -C) - (string length -- $cut))"]" (string replace -- $cut '' $line) 2>/dev/null
        end
        complete -c tessera -a '(__tessera)'
        """;

    private const string PowerShell = """
        Register-ArgumentCompleter -Native -CommandName tessera -ScriptBlock {
            param($word, $line, $cursor)
            $text = "$line"; $cut = $text.IndexOf(' ') + 1
            tessera "[suggest:$($cursor - $cut)]" $text.Substring($cut).PadRight($cursor - $cut) 2>$null |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
        }
        """;

    private static readonly Dictionary<string, string> Scripts = new()
    {
        ["bash"] = Bash,
        ["zsh"] = Zsh,
        ["fish"] = Fish,
        ["pwsh"] = PowerShell,
    };

    public static Command Create(CliConsole console)
    {
        var shell = new Argument<string>("SHELL") { Description = $"One of {string.Join(", ", Scripts.Keys)}." };
        shell.CompletionSources.Add([.. Scripts.Keys]);
        var command = new ExampleCommand(
            "completion",
            "Print a script that lets a shell complete tessera's commands and options.",
            "source <(tessera completion bash)"
        );
        command.Add(shell);
        command.SetAction(parsed =>
        {
            string name = parsed.GetRequiredValue(shell);
            console.Out.WriteLine(
                Scripts.GetValueOrDefault(name == "powershell" ? "pwsh" : name)
                    ?? throw new UsageException($"SHELL is '{name}', which is none of {string.Join(", ", Scripts.Keys)}.")
            );
            return ExitCode.Success;
        });
        return command;
    }
}

using System.CommandLine;
using System.Text.Json;
using Tessera.Cli.Chat;
using Tessera.Cli.Commands;
using Tessera.Shared;

namespace Tessera.Cli.Arguments;

/// <summary>
/// What a user wants of every command: options by their long names in <c>tessera/config.json</c> of the user's configuration folder, and a
/// model in TESSERA_MODEL. The command line comes first, then the variable, then the file.
/// </summary>
internal sealed class UserSettings
{
    public const string ModelVariable = "TESSERA_MODEL";
    private const string Model = "model",
        Projector = "mmproj",
        Synthetic = "--synthetic";

    private const int MaxByteLength = 1 << 20;
    private readonly string path;
    private readonly Dictionary<string, string[]> values;

    private UserSettings(string path, Dictionary<string, string[]> values) => (this.path, this.values) = (path, values);

    /// <summary>The file of this user (XDG Base Directory Specification 0.8); null where there is no folder for it.</summary>
    public static string? DefaultPath()
    {
        string? folder = Environment.GetEnvironmentVariable("XDG_CONFIG_HOME");
        if (string.IsNullOrEmpty(folder) || !Path.IsPathFullyQualified(folder))
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            folder =
                OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData)
                : home.Length > 0 ? Path.Combine(home, ".config")
                : "";
        }

        return folder.Length > 0 ? Path.Combine(folder, "tessera", "config.json") : null;
    }

    /// <summary>Reads the file, if there is one, and the variable.</summary>
    /// <exception cref="UsageException">The file is no JSON object of options.</exception>
    public static UserSettings Load()
    {
        string? path = DefaultPath();
        var settings = new UserSettings(path ?? "", []);
        if (path is not null && FileKind.HasContents(path))
            settings.Read();
        if (Environment.GetEnvironmentVariable(ModelVariable) is { Length: > 0 } model)
        {
            settings.values[Model] = [model];
            // The file's belongs to the file's model.
            settings.values.Remove(Projector);
        }

        return settings;
    }

    /// <summary>Parses a command line, and adds what it leaves open.</summary>
    /// <exception cref="UsageException">An option is none of any command, or has a value that it does not take.</exception>
    public ParseResult Parse(RootCommand root, string[] arguments)
    {
        ParseResult typed = root.Parse(arguments);
        if (values.Count == 0 || typed.CommandResult.Command is RootCommand || typed.Errors.Count > 0)
            return typed;
        RequireKnown(root);
        string[] added = [.. Added(typed)];
        if (added.Length == 0)
            return typed;
        int end = Array.IndexOf(arguments, "--");
        end = end < 0 ? arguments.Length : end;
        ParseResult all = root.Parse([.. arguments[..end], .. added, .. arguments[end..]]);
        return all.Errors.Count == 0 ? all : throw new UsageException($"{path}: {all.Errors[0].Message}");
    }

    private IEnumerable<string> Added(ParseResult typed)
    {
        bool hasModel = IsTyped(typed, "--" + Model) || IsTyped(typed, Synthetic);
        foreach ((string name, string[] texts) in values)
        {
            if (hasModel && name is Model or Projector)
                continue;
            string option = "--" + name;
            if (IsTyped(typed, option) || typed.CommandResult.Command.Options.All(known => known.Name != option))
                continue;
            foreach (string text in texts)
                yield return text.Length > 0 ? $"{option}={text}" : option;
        }
    }

    private static bool IsTyped(ParseResult parsed, string name) =>
        parsed.CommandResult.Command.Options.FirstOrDefault(option => option.Name == name) is { } option
        && parsed.GetResult(option) is { Implicit: false };

    private void RequireKnown(RootCommand root)
    {
        string[] known =
        [
            .. root.Subcommands.SelectMany(static command => command.Options).Select(static option => option.Name).Distinct(),
        ];
        if (values.Keys.FirstOrDefault(name => !known.Contains("--" + name)) is { } unknown)
            throw new UsageException(
                $"{path}: '{PlainText.Quote(unknown)}' is no option of any command"
                    + NearestName.Hint(
                        unknown,
                        known.Select(static name => name[2..]),
                        "it holds their long names, such as model and context"
                    )
            );
    }

    private void Read()
    {
        try
        {
            if (new FileInfo(path).Length > MaxByteLength)
                throw new UsageException($"{path}: it is larger than any settings.");
            var lenient = new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), lenient);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new UsageException($"{path}: it is no JSON object such as {{\"model\": \"tiny\"}}.");
            foreach (JsonProperty setting in document.RootElement.EnumerateObject())
                values[setting.Name] = [.. Texts(setting)];
        }
        catch (JsonException failure)
        {
            throw new UsageException($"{path}: it is no JSON (line {failure.LineNumber + 1}).");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path}: it cannot be read ({failure.Message.TrimEnd('.')}).");
        }
    }

    private IEnumerable<string> Texts(JsonProperty setting) =>
        setting.Value.ValueKind switch
        {
            JsonValueKind.String => [TypedPath.WithHome(setting.Value.GetString()!)],
            JsonValueKind.Number => [setting.Value.GetRawText()],
            JsonValueKind.True => [""],
            JsonValueKind.False or JsonValueKind.Null => [],
            JsonValueKind.Array when setting.Value.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String) =>
            [
                .. setting.Value.EnumerateArray().Select(static item => item.GetString()!),
            ],
            _ => throw new UsageException($"{path}: '{PlainText.Quote(setting.Name)}' is no text, number, true, false, or list of texts."),
        };
}

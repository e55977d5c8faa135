using System.CommandLine;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Server;

namespace Tessera.Cli.Serve;

/// <summary>The options that name the models of a server: those of the command line, then all that were pulled.</summary>
internal sealed class ServedModelArguments(CliConsole console)
{
    private static readonly TimeSpan ListAge = TimeSpan.FromSeconds(1);
    private readonly Option<string[]> models = new("--model", "-m")
    {
        Description =
            "A GGUF file, a catalogue name, or NAME=FILE to choose what clients call it; may be given several times. The first one answers "
            + "where a request names none; without it, the small models that come with Tessera. Models that were pulled are served too.",
        HelpName = "MODEL",
    };
    private readonly Option<string[]> projectors = new("--mmproj")
    {
        Description = "The vision projector's file of each --model, in their order; found beside the model if there is just one.",
        HelpName = "FILE",
    };

    public void AddTo(Command command)
    {
        command.Add(models);
        command.Add(projectors);
    }

    /// <summary>The models, read anew as they are pulled.</summary>
    /// <exception cref="UsageException">The options do not fit each other.</exception>
    /// <exception cref="TesseraException">A model's name is not known.</exception>
    public Func<IReadOnlyList<ServedModel>> Read(ParseResult parsed, ModelArguments settings)
    {
        string[] named = parsed.GetValue(models) ?? [],
            seeing = parsed.GetValue(projectors) ?? [];
        if (named.Length == 0 && seeing.Length > 0)
            throw new UsageException("--mmproj belongs to a --model.");
        if (named.Length == 0)
            named = [.. ModelCatalog.Entries().Where(static entry => entry.IsEmbedded).Select(static entry => entry.Name)];
        if (seeing.Length > named.Length)
            throw new UsageException($"There are {seeing.Length} --mmproj for {named.Length} --model.");
        if (seeing.Length > 0 && seeing.Length < named.Length)
            throw new UsageException($"Give --mmproj for each of the {named.Length} --model, in their order, or for none.");
        ServedModel[] fixedModels =
        [
            .. named.Select((text, index) => Of(text, seeing.ElementAtOrDefault(index), options => settings.Apply(parsed, options))),
        ];
        if (fixedModels.GroupBy(static served => served.Name).FirstOrDefault(static group => group.Count() > 1) is { } twice)
            throw new UsageException($"Two models are called '{twice.Key}': name one with --model NAME=FILE.");
        return Cached(() => [.. fixedModels, .. Pulled(fixedModels, options => settings.Apply(parsed, options))]);
    }

    private ServedModel Of(string text, string? projector, Func<ModelOptions, ModelOptions> apply)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        bool isNamed =
            equals > 0
            && !File.Exists(text)
            && text[..equals].All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or ':');
        string source = isNamed ? text[(equals + 1)..] : text;
        (string path, string? found) = ModelCatalog.Resolve(source, projector, needsVision: true);
        if (!File.Exists(path))
            throw new TesseraException($"{path}: there is no such file.");
        string name =
            isNamed ? text[..equals]
            : File.Exists(source) ? Path.GetFileNameWithoutExtension(path)
            : source;
        return new ServedModel(name, apply(Files(path, found)));
    }

    private IEnumerable<ServedModel> Pulled(ServedModel[] known, Func<ModelOptions, ModelOptions> apply) =>
        ModelCatalog
            .Pulled()
            .Where(pulled => pulled.ModelPath is not null && known.All(served => served.Name != pulled.Name))
            .Select(pulled => new ServedModel(pulled.Name, apply(Files(pulled.ModelPath!, pulled.ProjectorPath))));

    private ModelOptions Files(string path, string? projector) =>
        new()
        {
            ModelPath = path,
            ProjectorPath = projector,
            Trial = ModelCatalog.ComesWithTessera(path) ? null : console.Trial,
        };

    // Each request asks; the disk need not be.
    private static Func<IReadOnlyList<ServedModel>> Cached(Func<IReadOnlyList<ServedModel>> read)
    {
        var gate = new Lock();
        IReadOnlyList<ServedModel> last = read();
        long at = Environment.TickCount64;
        return () =>
        {
            lock (gate)
            {
                if (Environment.TickCount64 - at > ListAge.TotalMilliseconds)
                    (last, at) = (read(), Environment.TickCount64);
                return last;
            }
        };
    }
}

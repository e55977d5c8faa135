using System.Text.RegularExpressions;

namespace Tessera.Engine.Tests;

/// <summary>Reads the source and holds DESIGN.md's layers: who may use whom.</summary>
public sealed partial class LayerTests
{
    // "" is the root. Every layer may use itself, the base class library, and the root's exceptions and enums below.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        [""] = ["Prompting", "Models", "Text", "Compute", "Imaging", "Gguf", "Templates", "Grammars"],
        ["Prompting"] = ["Models", "Text", "Templates"],
        ["Models"] = ["Compute", "Imaging", "Gguf"],
        ["Text"] = ["Native", "Threads"],
        ["Compute"] = ["Native", "Gguf", "Threads"],
        ["Threads"] = ["Native"],
        ["Imaging"] = [],
        ["Gguf"] = [],
        ["Templates"] = [],
        ["Grammars"] = [],
        ["Native"] = [],
    };

    // The one file through which a layer may reach a further one.
    private static readonly Dictionary<string, string> Doors = new() { ["Imaging/VipsPicture.cs"] = "Native" };

    private static readonly string[] CommonTypes =
    [
        "TesseraException",
        "ModelFileException",
        "ImageException",
        "PromptTooLongException",
        "EngineBusyException",
        "NativeLibraryException",
        "SchemaException",
        "GrammarException",
        "Preprocessing",
        "VisionType",
    ];

    [Fact]
    public void Layers_use_only_what_they_may()
    {
        var wrong = new List<string>();
        foreach ((string file, string layer, string text) in EngineSources())
        {
            foreach (string used in UsedLayers(text).Where(used => used != layer))
            {
                bool throughDoor = Doors.TryGetValue(file, out string? beyond) && beyond == used;
                if (!throughDoor && !Allowed[layer].Contains(used))
                    wrong.Add($"{file} uses {used}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Lower_layers_know_nothing_of_the_root()
    {
        string[] rootTypes =
        [
            .. EngineSources()
                .Where(static source => source.Layer.Length == 0)
                .SelectMany(static source => DeclaredTypes().Matches(source.Text).Select(static match => match.Groups[1].Value))
                .Except(CommonTypes),
        ];
        Assert.Contains("MultimodalModel", rootTypes);
        var pattern = new Regex($@"(?<![.\w])({string.Join('|', rootTypes.Distinct())})\b(?=[\s.(<?,>)\]])");
        IEnumerable<string> wrong = EngineSources()
            .Where(static source => source.Layer.Length > 0)
            .SelectMany(source => pattern.Matches(WithoutComments(source.Text)).Select(match => $"{source.File} uses {match.Value}"));
        Assert.Empty(wrong);
    }

    [Fact]
    public void Families_never_see_each_other()
    {
        var wrong = new List<string>();
        foreach ((string file, string layer, string text) in EngineSources().Where(static source => source.Layer == "Models"))
        {
            string[] parts = file.Split('/');
            string family = parts.Length > 2 ? parts[1] : "";
            if (file == "Models/VisionFamilies.cs")
                continue;
            wrong.AddRange(
                FamilyNames()
                    .Matches(text)
                    .Select(static match => match.Groups[1].Value)
                    .Where(used => used != family)
                    .Select(used => $"{file} uses {used}")
            );
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_Native_imports_functions() =>
        Assert.Empty(
            EngineSources()
                .Where(static source => source.Layer != "Native" && Imports().IsMatch(source.Text))
                .Select(static source => source.File)
        );

    [Fact]
    public void The_command_line_uses_the_root_only()
    {
        string folder = RepositoryRoot.Path("src", "Cli");
        IEnumerable<string> wrong = SourceFiles(folder)
            .Where(static file => UsedLayers(File.ReadAllText(file)).Any())
            .Select(Path.GetFileName)!;
        Assert.Empty(wrong);
    }

    [Fact]
    public void The_chat_client_uses_the_root_and_the_templates_only()
    {
        string folder = RepositoryRoot.Path("src", "Extensions.AI");
        IEnumerable<string> wrong = SourceFiles(folder)
            .Where(static file => UsedLayers(File.ReadAllText(file)).Any(static layer => layer != "Templates"))
            .Select(Path.GetFileName)!;
        Assert.Empty(wrong);
    }

    [Fact]
    public void The_library_never_prints()
    {
        string[] libraries = ["Gguf", "Checkpoints", "Engine", "Extensions.AI"];
        IEnumerable<string> printing = libraries
            .SelectMany(static name => SourceFiles(RepositoryRoot.Path("src", name)))
            .Where(static file => File.ReadAllText(file).Contains("Console.", StringComparison.Ordinal));
        Assert.Empty(printing);
    }

    private static IEnumerable<(string File, string Layer, string Text)> EngineSources()
    {
        string folder = RepositoryRoot.Path("src", "Engine");
        foreach (string path in SourceFiles(folder))
        {
            string file = Path.GetRelativePath(folder, path).Replace('\\', '/');
            yield return (file, file.Contains('/') ? file.Split('/')[0] : "", File.ReadAllText(path));
        }
    }

    private static IEnumerable<string> SourceFiles(string folder) =>
        Directory
            .EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(static path => !path.Replace('\\', '/').Contains("/obj/") && !path.Replace('\\', '/').Contains("/bin/"));

    private static IEnumerable<string> UsedLayers(string text) =>
        LayerNames().Matches(WithoutComments(text)).Select(static match => match.Groups[1].Value).Where(Allowed.ContainsKey).Distinct();

    private static string WithoutComments(string text) => Comments().Replace(text, "");

    [GeneratedRegex(@"(?<!namespace )Tessera\.(\w+)")]
    private static partial Regex LayerNames();

    [GeneratedRegex(@"Tessera\.Models\.(\w+)")]
    private static partial Regex FamilyNames();

    [GeneratedRegex(@"\[(LibraryImport|DllImport)")]
    private static partial Regex Imports();

    [GeneratedRegex(@"^(?:public|internal)[\w ]*? (?:class|record struct|record|struct|enum|interface) (\w+)", RegexOptions.Multiline)]
    private static partial Regex DeclaredTypes();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comments();
}

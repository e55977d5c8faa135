using System.Text.RegularExpressions;

namespace Tessera.Engine.Tests;

/// <summary>Reads the source and holds who may use whom (docs/architecture.md).</summary>
public sealed partial class LayerTests
{
    // "" is the engine's root; "Text!" is that folder without the rooms in it. A room may use itself, what lies above it in its folder, the
    // base class library, and the root's plain types.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        [""] = ["Catalog", "Fitting", "Answers", "Prompting", "Vision", "Text", "Compute", "Imaging"],
        ["Catalog"] = [],
        ["Fitting"] = ["Vision", "Text", "Compute"],
        ["Quantizing"] = ["Text", "Compute", "Native"],
        ["Answers"] = ["Fitting", "Prompting", "Vision.Encoding", "Text"],
        ["Prompting"] = ["Vision", "Text"],
        ["Vision.Encoding"] = ["Vision", "Compute", "Imaging", "Text"],
        ["Vision.Families"] = ["Vision.Parts", "Vision.Slicing", "Compute", "Imaging"],
        ["Vision.Parts"] = ["Compute", "Imaging"],
        ["Vision.Slicing"] = ["Imaging"],
        ["Text"] = ["Native"],
        ["Text.Llama"] = ["Text!", "Compute", "Native"],
        ["Text.Graph"] = ["Text!", "Compute", "Vision.Parts", "Native"],
        ["Text.Sampling"] = ["Text!", "Native"],
        ["Text.Scheduling"] = ["Text!", "Text.Sampling"],
        ["Text.Trial"] = ["Text", "Compute", "Native"],
        ["Compute"] = ["Native"],
        ["Imaging"] = [],
        ["Imaging.Pages"] = ["Imaging"],
        ["Imaging.Video"] = ["Imaging"],
        ["Native"] = [],
    };

    // The one file through which a room may reach a further one.
    private static readonly Dictionary<string, string> Doors = new()
    {
        ["Imaging/VipsImage.cs"] = "Native",
        ["Answers/ModelLoader.cs"] = "Compute",
    };

    // What holds a model: rooms below know none of it.
    private static readonly string[] RootServices = ["MultimodalModel", "ChatSession", "ModelCatalog", "Devices"];

    [Fact]
    public void Rooms_use_only_what_they_may()
    {
        var wrong = new List<string>();
        foreach ((string file, string room, string text) in EngineSources())
        {
            foreach (string used in UsedNamespaces(text))
            {
                bool throughDoor = Doors.TryGetValue(file, out string? beyond) && beyond == used;
                if (!throughDoor && !IsWithin(used, room) && !Allowed[room].Any(allowed => Allows(allowed, used)))
                    wrong.Add($"{file} uses {used}");
            }
        }

        Assert.Equal([], wrong);
    }

    [Fact]
    public void Every_folder_of_the_engine_is_a_room_or_within_one() =>
        Assert.Empty(EngineSources().Where(static source => !Allowed.ContainsKey(source.Room)).Select(static source => source.File));

    [Fact]
    public void The_root_holds_public_types_only() =>
        Assert.Empty(
            EngineSources()
                .Where(static source => source.Room.Length == 0 && !PublicType().IsMatch(source.Text))
                .Select(static source => source.File)
        );

    [Fact]
    public void Lower_rooms_know_no_loaded_model()
    {
        var pattern = new Regex($@"(?<![.\w])({string.Join('|', RootServices)})\b(?=[\s.(<?,>)\]])");
        IEnumerable<string> wrong = EngineSources()
            .Where(static source => source.Room is not ("" or "Answers" or "Catalog" or "Fitting" or "Quantizing"))
            .SelectMany(source => pattern.Matches(WithoutComments(source.Text)).Select(match => $"{source.File} uses {match.Value}"));
        Assert.Equal([], wrong);
    }

    [Fact]
    public void Families_never_see_each_other()
    {
        var wrong = new List<string>();
        foreach ((string file, string room, string text) in EngineSources().Where(static source => source.Room == "Vision.Families"))
        {
            string[] parts = file.Split('/');
            string family = parts.Length > 3 ? parts[2] : "";
            if (file == "Vision/Families/VisionFamilies.cs")
                continue;
            wrong.AddRange(
                FamilyNames()
                    .Matches(text)
                    .Select(static match => match.Groups[1].Value)
                    .Where(used => used != family)
                    .Select(used => $"{file} uses {used}")
            );
        }

        Assert.Equal([], wrong);
    }

    [Fact]
    public void Only_Native_imports_functions() =>
        Assert.Empty(
            EngineSources()
                .Where(static source => source.Room != "Native" && Imports().IsMatch(source.Text))
                .Select(static source => source.File)
        );

    [Theory]
    [InlineData("Cli")]
    [InlineData("Extensions.AI")]
    [InlineData("Server")]
    [InlineData("LLamaSharp")]
    [InlineData("Annotation")]
    [InlineData("Queue")]
    public void Programs_and_adapters_use_the_engine_s_public_types_only(string project) =>
        Assert.Empty(
            SourceFiles(RepositoryRoot.Path("src", project))
                .Where(static file => UsedNamespaces(File.ReadAllText(file)).Any())
                .Select(Path.GetFileName)
        );

    [Theory]
    [InlineData("Gguf", "Shared")]
    [InlineData("ChatTemplates", "Shared")]
    [InlineData("Grammars", "Shared")]
    [InlineData("Checkpoints", "Gguf")]
    public void Libraries_without_natives_need_nothing_else(string project, string reference)
    {
        string text = File.ReadAllText(RepositoryRoot.Path("src", project, $"{project}.csproj"));
        Assert.Equal([reference], ProjectReferences().Matches(text).Select(static match => match.Groups[1].Value));
    }

    [Fact]
    public void Lines_have_at_most_140_columns()
    {
        string[] folders = ["src", "tests", "samples", "benchmarks"];
        IEnumerable<string> wrong = folders
            .SelectMany(static folder => SourceFiles(RepositoryRoot.Path(folder)))
            .SelectMany(static file => LongLines(file));
        Assert.Equal([], wrong);
    }

    [Fact]
    public void The_library_never_prints()
    {
        string[] libraries =
        [
            "Shared",
            "Gguf",
            "ChatTemplates",
            "Grammars",
            "Checkpoints",
            "Engine",
            "Extensions.AI",
            "Server",
            "LLamaSharp",
            "Annotation",
            "Queue",
        ];
        IEnumerable<string> printing = libraries
            .SelectMany(static name => SourceFiles(RepositoryRoot.Path("src", name)))
            .Where(static file => File.ReadAllText(file).Contains("Console.", StringComparison.Ordinal));
        Assert.Empty(printing);
    }

    // Texts that a test or a table gives as they are, between three quotes, may be longer; so may one literal.
    private static IEnumerable<string> LongLines(string file)
    {
        bool isRaw = false;
        int number = 0;
        foreach (string line in File.ReadLines(file))
        {
            number++;
            bool wasRaw = isRaw;
            if (line.Split("\"\"\"").Length % 2 == 0)
                isRaw = !isRaw;
            if (line.Length > 140 && !wasRaw && !line.Contains("\"\"\"", StringComparison.Ordinal) && !LongLiteral().IsMatch(line))
                yield return $"{file}:{number}";
        }
    }

    private static IEnumerable<(string File, string Room, string Text)> EngineSources()
    {
        string folder = RepositoryRoot.Path("src", "Engine");
        foreach (string path in SourceFiles(folder))
        {
            string file = Path.GetRelativePath(folder, path).Replace('\\', '/');
            yield return (file, RoomOf(Path.GetDirectoryName(file)!.Replace('\\', '.').Replace('/', '.')), File.ReadAllText(path));
        }
    }

    private static string RoomOf(string folder) =>
        Allowed.Keys.Where(room => room.Length > 0 && IsWithin(folder, room)).MaxBy(static room => room.Length) ?? folder;

    private static bool Allows(string allowed, string used) => allowed.EndsWith('!') ? used == allowed[..^1] : IsWithin(used, allowed);

    private static bool IsWithin(string name, string room) =>
        name == room || room.Length > 0 && name.StartsWith($"{room}.", StringComparison.Ordinal);

    private static IEnumerable<string> SourceFiles(string folder) =>
        Directory
            .EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(static path => !path.Replace('\\', '/').Contains("/obj/") && !path.Replace('\\', '/').Contains("/bin/"));

    // Of the engine's own: "Vision.Parts" for Tessera.Vision.Parts.
    private static IEnumerable<string> UsedNamespaces(string text) =>
        Namespaces()
            .Matches(WithoutComments(text))
            .Select(static match => match.Groups[1].Value)
            .Where(static name => Allowed.Keys.Any(room => room.Length > 0 && room.Split('.')[0] == name.Split('.')[0]))
            .Distinct();

    private static string WithoutComments(string text) => Comments().Replace(text, "");

    [GeneratedRegex(@"(?<!namespace )(?<![.\w])Tessera\.((?:[A-Z]\w*\.)*[A-Z]\w*)(?=;)")]
    private static partial Regex Namespaces();

    [GeneratedRegex(@"Tessera\.Vision\.Families\.(\w+)")]
    private static partial Regex FamilyNames();

    [GeneratedRegex(@"<ProjectReference Include=""\.\./(\w+)/")]
    private static partial Regex ProjectReferences();

    [GeneratedRegex(@"^\s*[$@+ ]*""[^ ]{80,}|^.{0,120}""([^""\\]|\\.){100,}""")]
    private static partial Regex LongLiteral();

    [GeneratedRegex(@"^public [\w ]*?(class|record struct|record|struct|enum|interface) ", RegexOptions.Multiline)]
    private static partial Regex PublicType();

    [GeneratedRegex(@"\[(LibraryImport|DllImport)")]
    private static partial Regex Imports();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comments();
}

using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Tessera.Delivery.Tests.Support;

/// <summary>Compiles a snippet as a program of its own, as the SDK would with implicit usings and nullable, and runs it.</summary>
internal static class SnippetCompiler
{
    private static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp14);

    private static readonly SyntaxTree ImplicitUsings = Parse(
        string.Concat(
            new[]
            {
                "System",
                "System.Collections.Generic",
                "System.IO",
                "System.Linq",
                "System.Net.Http",
                "System.Threading",
                "System.Threading.Tasks",
            }.Select(static name => $"global using {name};\n")
        )
    );

    /// <summary>The framework, the engine and all that the tests reference.</summary>
    public static IReadOnlyList<MetadataReference> References { get; } =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Select(static path => MetadataReference.CreateFromFile(path)),
    ];

    /// <summary>Compiles a program.</summary>
    /// <param name="code">Its statements and types.</param>
    /// <param name="given">Values of variables that it may use without declaring them.</param>
    /// <param name="declarations">Types that it may use, or null.</param>
    /// <returns>The entry point.</returns>
    /// <exception cref="InvalidOperationException">It does not compile, or with warnings.</exception>
    public static MethodInfo Compile(string code, IReadOnlyDictionary<string, string> given, string? declarations = null)
    {
        string variables = string.Concat(
            given.Select(static pair => $"public static string {pair.Key} => {SymbolDisplay.FormatLiteral(pair.Value, quote: true)};")
        );
        SyntaxTree values = Parse($"global using static Given; internal static class Given {{ {variables} }}");
        var options = new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable);
        Compilation compilation = CSharpCompilation.Create(
            $"snippet-{Guid.NewGuid():N}",
            [Parse(code), values, ImplicitUsings, Parse(declarations ?? "")],
            References,
            options
        );
        CSharpGeneratorDriver
            .Create([JsonGenerator()], parseOptions: Language)
            .RunGeneratorsAndUpdateCompilation(compilation, out compilation, out _);
        using var image = new MemoryStream();
        Diagnostic[] problems =
        [
            .. compilation.Emit(image).Diagnostics.Where(static problem => problem.Severity >= DiagnosticSeverity.Warning),
        ];
        if (problems.Length > 0)
            throw new InvalidOperationException(string.Join('\n', problems.Select(static problem => problem.ToString())));
        image.Position = 0;
        return AssemblyLoadContext.Default.LoadFromStream(image).EntryPoint!;
    }

    /// <summary>Puts the snippets of a page that go on from each other into one program: usings first.</summary>
    public static string Joined(IEnumerable<Snippet> snippets)
    {
        CompilationUnitSyntax[] units = [.. snippets.Select(static snippet => (CompilationUnitSyntax)Parse(snippet.Code).GetRoot())];
        IEnumerable<string> usings = units.SelectMany(static unit => unit.Usings.Select(static line => line.ToString())).Distinct();
        return string.Join('\n', usings.Concat(units.Select(static unit => unit.WithUsings([]).ToFullString())));
    }

    private static SyntaxTree Parse(string code) => CSharpSyntaxTree.ParseText(code, Language, encoding: Encoding.UTF8);

    // The SDK's own, from the folder of reference assemblies beside the runtime that runs this.
    private static ISourceGenerator JsonGenerator()
    {
        string packs = Path.GetFullPath(
            Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "packs", "Microsoft.NETCore.App.Ref")
        );
        string file = Directory
            .EnumerateFiles(packs, "System.Text.Json.SourceGeneration.dll", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .Last();
        Type generator = Assembly.LoadFrom(file).GetTypes().Single(static type => type.IsDefined(typeof(GeneratorAttribute)));
        return ((IIncrementalGenerator)Activator.CreateInstance(generator)!).AsSourceGenerator();
    }
}

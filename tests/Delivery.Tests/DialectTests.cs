using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Tessera.Delivery.Tests;

/// <summary>What the compiler's own rules of style do not hold in a build: one way of writing the same.</summary>
public sealed class DialectTests
{
    private static readonly string[] Folders = ["src", "tests", "samples", "benchmarks"];

    // A token that is not the caller's has a name of its own.
    private static readonly string[] TokenNames = ["cancellationToken", "lifetime", "token", "stop"];

    [Fact]
    public void This_is_written_only_where_something_else_has_the_name() => Assert.Equal([], Sources().SelectMany(NeedlessThis));

    [Fact]
    public void Parameters_for_cancelling_have_one_name() => Assert.Equal([], Sources().SelectMany(OtherTokenNames));

    [Theory]
    [InlineData("class A { int x; int Of() => this.x; }", 1)]
    [InlineData("class A { int x; A(int x) => this.x = x; }", 0)]
    [InlineData("class A(int x) { int x = x; int Of() => this.x; }", 0)]
    [InlineData("class A { int x; int Of() { foreach (int x in new[] { 1 }) return this.x; return x; } }", 0)]
    public void A_needless_this_is_recognised(string source, int count) => Assert.Equal(count, NeedlessThis(Parse(source)).Count());

    private static IEnumerable<SyntaxTree> Sources() =>
        Folders
            .SelectMany(static folder => Directory.EnumerateFiles(RepositoryRoot.Path(folder), "*.cs", SearchOption.AllDirectories))
            .Where(static path => !path.Replace('\\', '/').Contains("/obj/", StringComparison.Ordinal))
            .Select(static path => Parse(File.ReadAllText(path), path));

    private static SyntaxTree Parse(string text, string path = "") =>
        CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.CSharp14), path);

    private static IEnumerable<string> NeedlessThis(SyntaxTree source)
    {
        foreach (MemberAccessExpressionSyntax access in source.GetRoot().DescendantNodes().OfType<MemberAccessExpressionSyntax>())
        {
            if (access.Expression is not ThisExpressionSyntax)
                continue;
            TypeDeclarationSyntax type = access.Ancestors().OfType<TypeDeclarationSyntax>().First();
            string name = access.Name.Identifier.Text;
            SyntaxNode member = access.Ancestors().First(node => node.Parent == type);
            if (MembersOf(type).Contains(name) && !ParametersOf(type).Concat(LocalsOf(member)).Contains(name))
                yield return $"{access.GetLocation().GetLineSpan()}: this.{name}";
        }
    }

    private static IEnumerable<string> OtherTokenNames(SyntaxTree source) =>
        source
            .GetRoot()
            .DescendantNodes()
            .OfType<ParameterSyntax>()
            .Where(static parameter =>
                parameter.Type?.ToString() is "CancellationToken"
                && !TokenNames.Contains(parameter.Identifier.Text, StringComparer.OrdinalIgnoreCase)
            )
            .Select(static parameter => $"{parameter.GetLocation().GetLineSpan()}: {parameter}");

    // Extension methods need the word.
    private static IEnumerable<string> MembersOf(TypeDeclarationSyntax type) =>
        type.Members.SelectMany(static member =>
            member switch
            {
                FieldDeclarationSyntax field => field.Declaration.Variables.Select(static variable => variable.Identifier.Text),
                PropertyDeclarationSyntax property => [property.Identifier.Text],
                MethodDeclarationSyntax method => [method.Identifier.Text],
                _ => Enumerable.Empty<string>(),
            }
        );

    private static IEnumerable<string> ParametersOf(TypeDeclarationSyntax type) =>
        type.ParameterList?.Parameters.Select(static parameter => parameter.Identifier.Text) ?? [];

    private static IEnumerable<string> LocalsOf(SyntaxNode member) =>
        member
            .DescendantNodes()
            .Select(static node =>
                node switch
                {
                    ParameterSyntax parameter => parameter.Identifier.Text,
                    VariableDeclaratorSyntax variable => variable.Identifier.Text,
                    SingleVariableDesignationSyntax variable => variable.Identifier.Text,
                    ForEachStatementSyntax loop => loop.Identifier.Text,
                    CatchDeclarationSyntax failure => failure.Identifier.Text,
                    LocalFunctionStatementSyntax function => function.Identifier.Text,
                    _ => "",
                }
            );
}

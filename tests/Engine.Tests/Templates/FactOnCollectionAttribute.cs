namespace Tessera.Engine.Tests.Templates;

/// <summary>
/// A fact about llama.cpp's collection of templates (v0.5.0), which is not ours to ship: TESSERA_TEMPLATES names its folder
/// models/templates.
/// </summary>
public sealed class FactOnCollectionAttribute : FactAttribute
{
    private const string Variable = "TESSERA_TEMPLATES";

    public FactOnCollectionAttribute() =>
        Skip = Environment.GetEnvironmentVariable(Variable) is null ? $"{Variable} names no folder." : null;

    /// <summary>The folder.</summary>
    internal static string Folder => Environment.GetEnvironmentVariable(Variable)!;
}

namespace Tessera.Fuzz.Kinds;

/// <summary>The table of kinds. A kind is made where it is needed, since most of them load models.</summary>
internal static class FuzzKinds
{
    private static readonly (string Name, Func<string, FuzzKind> Create)[] Table =
    [
        ("picture", static _ => new PictureKind()),
        ("projector", static folder => new ProjectorKind(folder)),
        ("language-model", static folder => new LanguageModelKind(folder)),
        ("split-model", static folder => new SplitModelKind(folder)),
        ("saved-chat", static folder => new SavedChatKind(folder)),
        ("embedding-cache", static folder => new EmbeddingCacheKind(folder)),
        ("template", static _ => new TemplateKind()),
        ("schema", static _ => new SchemaKind()),
        ("grammar", static _ => new GrammarKind()),
        ("http", static _ => new HttpKind()),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(static row => row.Name)];

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="folder">An empty folder for the kind's files.</param>
    public static FuzzKind Create(string name, string folder) => Table.First(row => row.Name == name).Create(folder);
}

namespace Tessera.Fuzz.Kinds;

/// <summary>The table of kinds. A kind is made where it is needed, since most of them load models.</summary>
internal static class FuzzKinds
{
    private static readonly (string Name, Func<string, FuzzKind> Create)[] Table =
    [
        ("picture", static _ => new PictureKind()),
        ("projector", static folder => new ProjectorKind(folder)),
        (LanguageModelKind.Id, static folder => new LanguageModelKind(folder)),
        (SplitModelKind.Id, static folder => new SplitModelKind(folder)),
        ("saved-chat", static folder => new SavedChatKind(folder)),
        ("embedding-cache", static folder => new EmbeddingCacheKind(folder)),
        ("template", static _ => new TemplateKind()),
        ("schema", static _ => new SchemaKind()),
        ("grammar", static _ => new GrammarKind()),
        ("http", static _ => new HttpKind()),
        ("checkpoint", static folder => new CheckpointKind(folder)),
        (SelfTestKind.Id, static _ => new SelfTestKind()),
    ];

    public static IReadOnlyList<string> Names { get; } =
    [.. Table.Select(static row => row.Name).Where(static name => name != SelfTestKind.Id)];

    /// <summary>
    /// Whether the program first tries such an input in a process of its own, which may end: a campaign does without, since that takes
    /// a process for each, and asks with it about those that ended its child.
    /// </summary>
    public static bool HasTrial(string name) => name is LanguageModelKind.Id or SplitModelKind.Id;

    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="folder">An empty folder for the kind's files.</param>
    public static FuzzKind Create(string name, string folder) => Table.First(row => row.Name == name).Create(folder);
}

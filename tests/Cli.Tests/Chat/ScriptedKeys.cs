using Tessera.Cli.Chat.Editing;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Keys that a test presses. After the last one the line ends, so that a test can look at what stands there.</summary>
internal sealed class ScriptedKeys(params Key[] keys) : IKeySource
{
    private readonly Queue<Key> keys = new(keys);

    public Key Read() => keys.TryDequeue(out Key key) ? key : throw new OutOfKeysException();

    public void SetEditing(bool isEditing) { }

    public static Key[] Type(string text) => [.. text.Select(static character => new Key(KeyKind.Text, character.ToString()))];
}

/// <summary>The test pressed all its keys.</summary>
internal sealed class OutOfKeysException : Exception;

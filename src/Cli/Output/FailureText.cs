namespace Tessera.Cli.Output;

/// <summary>What a failure is called on the command line: the library's sentence, and the option that helps.</summary>
internal static class FailureText
{
    /// <summary>One sentence for a person.</summary>
    public static string Of(Exception failure) => HintFor(failure) is { } hint ? $"{failure.Message.TrimEnd('.')}{hint}." : failure.Message;

    private static string? HintFor(Exception failure) =>
        failure switch
        {
            PromptTooLongException => ", or raise --context",
            ContextMemoryException => ": lower --context",
            ImageTooLargeException => " (--max-pixels)",
            ImageTokenLimitException limit => $", so --max-image-tokens must be at least {limit.LeastTokenCount}",
            NoProjectorException => ": give one with --mmproj",
            ModelFileRoleException { IsProjector: true } => ": give it with --mmproj and the language model with -m",
            ModelFileRoleException => ": give it with -m and the projector with --mmproj",
            _ => null,
        };
}

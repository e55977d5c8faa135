using Tessera.ChatTemplates;
using Tessera.Checkpoints;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Grammars;

namespace Tessera.Cli.Output;

/// <summary>What a failure is called on the command line: the library's sentence, and the option that helps.</summary>
internal static class FailureText
{
    /// <summary>One sentence for a person.</summary>
    public static string Of(Exception failure) => HintFor(failure) is { } hint ? $"{failure.Message.TrimEnd('.')}{hint}." : failure.Message;

    /// <summary>One word for programs, of a contract: it may be told from others, and new ones may come.</summary>
    public static string KindOf(Exception failure) =>
        failure switch
        {
            UsageException => "usage",
            AnswerCutException => "answer_cut",
            ImageException or ImageTokenLimitException => "image",
            NoProjectorException => "no_projector",
            CheckpointException => "checkpoint",
            ModelFileException => "model_file",
            TemplateException => "chat_template",
            SchemaException or GrammarException or AnswerFormatException => "answer_format",
            PromptTooLongException => "prompt_too_long",
            ContextMemoryException or NotEnoughMemoryException => "memory",
            NativeLibraryException => "native_library",
            EngineBusyException => "busy",
            PullException => "pull",
            TesseraException => "failed",
            IOException or UnauthorizedAccessException => "file",
            _ => "internal",
        };

    private static string? HintFor(Exception failure) =>
        failure switch
        {
            PromptTooLongException => ", or raise --context",
            ContextMemoryException => ": lower --context",
            ImageTooLargeException => " (--max-pixels)",
            ImageTokenLimitException limit => $", so --max-image-tokens must be at least {limit.LeastTokenCount}",
            Annotation.AnnotationFileExistsException => ": give --resume to go on with it, or another name",
            Annotation.AskedOtherwiseException => ": ask the same, or name another file with --out",
            UnknownModelException { NearNames.Count: 0 } => ": 'tessera models' lists them",
            NoProjectorException => ": give one with --mmproj",
            ModelFileRoleException { IsProjector: true } => ": give it with --mmproj and the language model with -m",
            ModelFileRoleException => ": give it with -m and the projector with --mmproj",
            _ => null,
        };
}

using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Tessera.ChatTemplates;
using Tessera.Extensions.AI;
using Tessera.Grammars;

namespace Tessera.Server.Hosting;

/// <summary>What failures are to clients. Where the request is at fault they say so; where the machine is, they do not name its files:
/// those are in the server's log.</summary>
internal static class FailureAnswers
{
    /// <summary>What a failure is to a client.</summary>
    public static ApiException Of(Exception failure) =>
        failure switch
        {
            ApiException error => error,
            BadHttpRequestException bad => OfStatus(bad.StatusCode, bad.Message),
            JsonException bad => new ApiException(
                StatusCodes.Status400BadRequest,
                $"The body is no JSON that can be read: {ProblemOf(bad)}",
                code: "invalid_json",
                innerException: bad
            ),
            // Half of a character in the name of a field.
            InvalidOperationException { Source: "System.Text.Json.Rethrowable" or "System.Text.Json" } => new ApiException(
                StatusCodes.Status400BadRequest,
                "The body has text that is no Unicode.",
                code: "invalid_json",
                innerException: failure
            ),
            TesseraException known => OfKnown(known),
            ObjectDisposedException or OperationCanceledException => new ApiException(503, "The server is stopping.") { RetryAfter = 5 },
            OutOfMemoryException => NoMemory(failure),
            _ => new ApiException(500, "An error that should not happen; the server's log tells more.", innerException: failure),
        };

    /// <summary>What a status says, with a sentence of the server's own where it has one.</summary>
    public static ApiException OfStatus(int status, string message) =>
        new(
            status,
            status switch
            {
                408 => "The request came too slowly.",
                413 => "The request is larger than the server takes.",
                414 => "The request's address is too long.",
                431 => "The request's headers are too long.",
                _ => FirstSentence(message),
            }
        );

    private static ApiException OfKnown(TesseraException failure) =>
        failure switch
        {
            PromptTooLongException or ImageTokenLimitException or InstructionTooLongException => Refused(
                failure.Message,
                "messages",
                "context_length_exceeded",
                failure
            ),
            NoProjectorException => Refused(
                "The model was loaded without a vision projector, so it sees no pictures.",
                "messages",
                "no_vision",
                failure
            ),
            ChatContentException content => Refused(ProblemOf(content), "messages", "invalid_content", failure),
            ImageException => Refused(failure.Message, "messages", "invalid_content", failure),
            ChatOptionException option => Refused(ProblemOf(option), ParamOf(option.Option), "unsupported_value", failure),
            SchemaException or GrammarException or AnswerFormatException => Refused(failure.Message, "response_format", null, failure),
            TemplateException template => Refused($"The model's chat template: {template.Problem}", "messages", null, failure),
            EngineBusyException => ApiException.Busy(failure.Message),
            NotEnoughMemoryException or ContextMemoryException => NoMemory(failure),
            PullException pull => OfPull(pull),
            // What the engine says of a request that no type of its own is for; its sentences about files begin with their paths.
            _ when failure.GetType() == typeof(TesseraException) && failure.Message.AsSpan().IndexOfAny('/', '\\') < 0 => Refused(
                failure.Message,
                "messages",
                null,
                failure
            ),
            _ => new ApiException(500, "The model cannot be used; the server's log tells why.", innerException: failure),
        };

    private static ApiException OfPull(PullException failure) =>
        failure.Failure switch
        {
            PullFailure.NotFound => new ApiException(404, failure.Message, "model"),
            PullFailure.NoRoom => new ApiException(507, "The disk has no room for the model.", innerException: failure),
            PullFailure.CannotWrite => new ApiException(
                500,
                "The model cannot be written; the server's log tells why.",
                null,
                null,
                failure
            ),
            _ => new ApiException(502, failure.Message, innerException: failure),
        };

    private static ApiException Refused(string message, string param, string? code, Exception failure) =>
        new(StatusCodes.Status400BadRequest, message, param, code, failure);

    private static ApiException NoMemory(Exception failure) =>
        new(503, "There is not enough memory for this now.", code: "no_memory", innerException: failure) { RetryAfter = 10 };

    // Lines and bytes are counted from 1, as editors do, and said last.
    private static string ProblemOf(JsonException failure)
    {
        string problem = FirstSentence(failure.Message);
        int end = problem.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 || failure.LineNumber is not { } line || failure.BytePositionInLine is not { } position
            ? problem
            : $"{problem[..end].TrimEnd('.')} (line {line + 1}, byte {position + 1}).";
    }

    // Without the names that the parts and options have in .NET.
    private static string ProblemOf(ChatContentException failure)
    {
        int start = failure.Message.IndexOf("): ", StringComparison.Ordinal) + 3;
        return $"Message {failure.MessageIndex}, part {failure.PartIndex}: {failure.Message[start..]}";
    }

    private static string ProblemOf(ChatOptionException failure)
    {
        string problem = failure.Message[(failure.Option.Length + 2)..];
        return $"'{ParamOf(failure.Option)}': {problem.Replace("ToolMode to None", "tool_choice to none", StringComparison.Ordinal)}";
    }

    private static string ParamOf(string option) =>
        option switch
        {
            "ResponseFormat" => "response_format",
            "ToolMode" => "tool_choice",
            "Tools" => "tools",
            "ModelId" => "model",
            _ => option,
        };

    // Where a JSON parser goes on to name lines and paths of its own.
    private static string FirstSentence(string message)
    {
        int end = message.IndexOf(". Path:", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.') + ".";
    }
}

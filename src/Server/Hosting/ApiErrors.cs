using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tessera.ChatTemplates;
using Tessera.Extensions.AI;
using Tessera.Server.Json;

namespace Tessera.Server.Hosting;

/// <summary>Turns failures into answers: OpenAI's form, or Ollama's below <c>/api</c>. What should not happen says nothing of the
/// inside.</summary>
internal static partial class ApiErrors
{
    private const int ClientClosedRequest = 499;

    /// <summary>Runs what comes next and answers for what it throws, and for what has no answer.</summary>
    public static async Task RunAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null })
                await WriteAsync(context, OfStatus(context));
        }
        catch (Exception failure) when (context.RequestAborted.IsCancellationRequested)
        {
            LogLeft(logger, context.Request.Path, failure.GetType().Name);
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
        }
        catch (Exception failure)
        {
            ApiException error = Of(failure);
            if (error.Status >= 500)
                LogFailure(logger, context.Request.Path, failure);
            if (context.Response.HasStarted)
                context.Abort();
            else
                await WriteAsync(context, error);
        }
    }

    /// <summary>What a failure is to a client.</summary>
    public static ApiException Of(Exception failure) =>
        failure switch
        {
            ApiException error => error,
            BadHttpRequestException bad => new ApiException(bad.StatusCode, Sentence(bad.StatusCode, bad.Message)),
            JsonException bad => new ApiException(
                StatusCodes.Status400BadRequest,
                $"The body is no JSON that can be read: {FirstSentence(bad.Message)}",
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
            PromptTooLongException or ImageTokenLimitException => new ApiException(
                StatusCodes.Status400BadRequest,
                failure.Message,
                "messages",
                "context_length_exceeded",
                failure
            ),
            NoProjectorException => new ApiException(
                StatusCodes.Status400BadRequest,
                "The model was loaded without a vision projector, so it sees no pictures.",
                "messages",
                "no_vision",
                failure
            ),
            ImageException or ChatContentException => new ApiException(
                StatusCodes.Status400BadRequest,
                failure.Message,
                "messages",
                "invalid_content",
                failure
            ),
            ChatOptionException option => new ApiException(
                StatusCodes.Status400BadRequest,
                failure.Message,
                ParamOf(option.Option),
                "unsupported_value",
                failure
            ),
            TemplateException => new ApiException(StatusCodes.Status400BadRequest, failure.Message, "messages", null, failure),
            EngineBusyException => ApiException.Busy(failure.Message),
            NotEnoughMemoryException or ContextMemoryException => new ApiException(503, failure.Message, code: "no_memory")
            {
                RetryAfter = 10,
            },
            PullException { Failure: PullFailure.NotFound } => new ApiException(404, failure.Message, "model"),
            PullException => new ApiException(502, failure.Message),
            TesseraException => new ApiException(500, failure.Message, innerException: failure),
            ObjectDisposedException or OperationCanceledException => new ApiException(503, "The server is stopping.") { RetryAfter = 5 },
            OutOfMemoryException => new ApiException(503, "The server is short of memory.") { RetryAfter = 10 },
            _ => new ApiException(500, "An error that should not happen; the server's log tells more.", innerException: failure),
        };

    /// <summary>The error as the API that was asked writes it, on one line.</summary>
    public static byte[] Body(PathString path, ApiException error) =>
        path.StartsWithSegments("/api", StringComparison.Ordinal)
            ? JsonSerializer.SerializeToUtf8Bytes(new OllamaError(error.Message), ServerJson.Plain.OllamaError)
            : JsonSerializer.SerializeToUtf8Bytes(
                new OpenAiError(new OpenAiErrorDetail(error.Message, error.Type, error.Param, error.Code)),
                ServerJson.Plain.OpenAiError
            );

    private static async Task WriteAsync(HttpContext context, ApiException error)
    {
        byte[] body = Body(context.Request.Path, error);
        // Headers such as Allow stay.
        context.Response.StatusCode = error.Status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (error.RetryAfter is int seconds)
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (error.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static ApiException OfStatus(HttpContext context)
    {
        int status = context.Response.StatusCode;
        string request = $"{context.Request.Method} {context.Request.Path}";
        return status switch
        {
            404 => new ApiException(404, $"There is no {request} here; /docs lists what there is.", code: "unknown_url"),
            405 => new ApiException(405, $"{context.Request.Path} does not take {context.Request.Method}.", code: "method_not_allowed"),
            _ => new ApiException(status, Sentence(status, $"The request was refused with status {status}.")),
        };
    }

    private static string Sentence(int status, string message) =>
        status switch
        {
            408 => "The request came too slowly.",
            413 => "The request is larger than the server takes.",
            _ => FirstSentence(message),
        };

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

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Path}: the client left ({Failure}).")]
    private static partial void LogLeft(ILogger logger, string path, string failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path} failed.")]
    private static partial void LogFailure(ILogger logger, string path, Exception failure);
}

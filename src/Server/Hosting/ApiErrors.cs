using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tessera.Server.Json;

namespace Tessera.Server.Hosting;

/// <summary>Turns failures into answers: OpenAI's form, or Ollama's below <c>/api</c>. What should not happen says nothing of the
/// inside.</summary>
internal static partial class ApiErrors
{
    private const int ClientClosedRequest = 499;

    /// <summary>Runs what comes next and answers for what it throws, and for what has no answer.</summary>
    public static async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null, ContentType: null })
                await WriteAsync(context, OfStatus(context));
        }
        catch (Exception failure) when (context.RequestAborted.IsCancellationRequested)
        {
            LogLeft(LoggerOf(context), context.Request.Path, failure.GetType().Name);
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
        }
        catch (Exception failure)
        {
            ApiException error = Told(context, failure);
            if (context.Response.HasStarted)
                context.Abort();
            else
                await WriteAsync(context, error);
        }
    }

    /// <summary>What a failure is to the client; where it is no fault of the request's, the log tells the rest.</summary>
    public static ApiException Told(HttpContext context, Exception failure)
    {
        ApiException error = FailureAnswers.Of(failure);
        if (error.Status >= 500)
            LogFailure(LoggerOf(context), context.Request.Path, failure);
        return error;
    }

    /// <summary>A failure, in the middle of an answer, as the API that was asked writes it, on one line.</summary>
    public static byte[] Body(HttpContext context, Exception failure) => Body(context.Request.Path, Told(context, failure));

    private static byte[] Body(PathString path, ApiException error) =>
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

    private static ILogger LoggerOf(HttpContext context) => context.RequestServices.GetRequiredService<ILogger<TesseraServer>>();

    private static ApiException OfStatus(HttpContext context)
    {
        int status = context.Response.StatusCode;
        string request = $"{context.Request.Method} {context.Request.Path}";
        return status switch
        {
            404 => new ApiException(404, $"There is no {request} here; /docs lists what there is.", code: "unknown_url"),
            405 => new ApiException(405, $"{context.Request.Path} does not take {context.Request.Method}.", code: "method_not_allowed"),
            _ => FailureAnswers.OfStatus(status, $"The request was refused with status {status}."),
        };
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Path}: the client left ({Failure}).")]
    private static partial void LogLeft(ILogger logger, string path, string failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path} failed.")]
    private static partial void LogFailure(ILogger logger, string path, Exception failure);
}

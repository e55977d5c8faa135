using Microsoft.AspNetCore.Http;

namespace Tessera.Server.Hosting;

/// <summary>A request that is refused; becomes an answer in the form of the API that was asked.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">One sentence for whoever wrote the request.</param>
/// <param name="param">The field that is wrong, as a path; null where it is none's fault.</param>
/// <param name="code">A word for programs; null for none.</param>
/// <param name="innerException">What caused it, if anything did.</param>
internal sealed class ApiException(int status, string message, string? param = null, string? code = null, Exception? innerException = null)
    : Exception(message, innerException)
{
    public int Status => status;

    public string? Param => param;

    public string? Code => code;

    /// <summary>Seconds after which to ask again; null for no such advice.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>The kind as OpenAI's API calls it.</summary>
    public string Type =>
        status switch
        {
            StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden => "authentication_error",
            StatusCodes.Status429TooManyRequests => "rate_limit_error",
            >= 500 => "server_error",
            _ => "invalid_request_error",
        };

    /// <summary>A field that cannot be used.</summary>
    public static ApiException Field(string path, string problem, Exception? cause = null) =>
        new(StatusCodes.Status400BadRequest, $"'{path}' {problem}", path, "invalid_value", cause);

    /// <summary>A text that is too long for any model.</summary>
    public static ApiException TooLong(string path, string problem) =>
        new(StatusCodes.Status400BadRequest, $"'{path}' {problem}", path, "string_above_max_length");

    /// <summary>Too much at once.</summary>
    public static ApiException Busy(string message) =>
        new(StatusCodes.Status429TooManyRequests, message, code: "server_busy") { RetryAfter = 1 };
}

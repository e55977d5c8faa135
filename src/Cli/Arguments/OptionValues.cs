using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Tessera.Cli.Arguments;

/// <summary>Options whose values are checked; what does not fit gets a sentence that names the option and what it takes.</summary>
internal static class OptionValues
{
    /// <summary>A number within bounds, with a standard value that the help shows.</summary>
    public static Option<T> Number<T>(string name, string description, string helpName, T standard, T least, T most)
        where T : struct, INumber<T> =>
        new(name)
        {
            Description = description,
            HelpName = helpName,
            DefaultValueFactory = _ => standard,
            CustomParser = result => Parse(result, name, least, most) ?? standard,
        };

    /// <summary>A number within bounds, or null where the option is not given.</summary>
    public static Option<T?> OptionalNumber<T>(string name, string description, T least, T most)
        where T : struct, INumber<T> =>
        new(name)
        {
            Description = description,
            HelpName = "N",
            CustomParser = result => Parse(result, name, least, most),
        };

    /// <summary>One of an enumeration's names, in lower case; the first is the standard.</summary>
    public static Option<T> Choice<T>(string name, string description)
        where T : struct, Enum
    {
        string[] names = [.. Enum.GetNames<T>().Select(static value => value.ToLowerInvariant())];
        var option = new Option<T>(name)
        {
            Description = $"{description} [default: {names[0]}]",
            HelpName = string.Join('|', names),
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                int index = Array.FindIndex(names, choice => choice.Equals(text, StringComparison.OrdinalIgnoreCase));
                if (index < 0)
                    result.AddError($"{name} is '{text}', which is none of {string.Join(", ", names)}.");
                return index < 0 ? default : Enum.GetValues<T>()[index];
            },
        };
        option.CompletionSources.Clear();
        option.CompletionSources.Add(names);
        return option;
    }

    private static T? Parse<T>(ArgumentResult result, string name, T least, T most)
        where T : struct, INumber<T>
    {
        string text = result.Tokens[0].Value;
        bool isWhole = typeof(T) != typeof(float);
        if (
            T.TryParse(text, isWhole ? NumberStyles.AllowLeadingSign : NumberStyles.Float, CultureInfo.InvariantCulture, out T value)
            && value >= least
            && value <= most
        )
            return value;
        result.AddError(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{name} is '{text}', which is no {(isWhole ? "whole number" : "number")} within {least} to {most}."
            )
        );
        return null;
    }
}

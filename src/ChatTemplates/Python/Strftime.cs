using System.Globalization;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Python's strftime in the C locale, as far as templates ask for it.</summary>
internal static class Strftime
{
    public static string Format(DateTimeOffset time, string format)
    {
        StringBuilder text = new();
        for (int index = 0; index < format.Length; index++)
        {
            if (format[index] != '%' || index + 1 == format.Length)
            {
                text.Append(format[index]);
                continue;
            }
            index++;
            bool isUnpadded = format[index] == '-' && index + 1 < format.Length;
            if (isUnpadded)
                index++;
            string field = Field(time, format[index]) ?? (isUnpadded ? "%-" : "%") + format[index];
            text.Append(isUnpadded && field.Length > 1 ? field.TrimStart('0', ' ').PadLeft(1, '0') : field);
        }
        return text.ToString();
    }

    private static string? Field(DateTimeOffset time, char directive) =>
        directive switch
        {
            'a' => Net(time, "ddd"),
            'A' => Net(time, "dddd"),
            'b' or 'h' => Net(time, "MMM"),
            'B' => Net(time, "MMMM"),
            'c' => $"{Net(time, "ddd MMM")} {time.Day, 2} {Net(time, "HH:mm:ss yyyy")}",
            'd' => Net(time, "dd"),
            'D' or 'x' => Net(time, "MM/dd/yy"),
            'e' => $"{time.Day, 2}",
            'f' => Net(time, "ffffff"),
            'F' => Net(time, "yyyy-MM-dd"),
            'H' => Net(time, "HH"),
            'I' => Net(time, "hh"),
            'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'm' => Net(time, "MM"),
            'M' => Net(time, "mm"),
            'n' => "\n",
            'p' => Net(time, "tt"),
            'S' => Net(time, "ss"),
            't' => "\t",
            'T' or 'X' => Net(time, "HH:mm:ss"),
            'u' => (((int)time.DayOfWeek + 6) % 7 + 1).ToString(CultureInfo.InvariantCulture),
            'w' => ((int)time.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'y' => Net(time, "yy"),
            'Y' => time.Year.ToString(CultureInfo.InvariantCulture),
            // Python's datetime.now() knows no time zone.
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };

    private static string Net(DateTimeOffset time, string format) =>
        time.ToString(format.Length == 1 ? "%" + format : format, CultureInfo.InvariantCulture);
}

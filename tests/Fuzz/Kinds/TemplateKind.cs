using System.Text;
using System.Text.Json;
using Tessera.ChatTemplates;
using Tessera.Cli.Tests.Support;
using Tessera.Fuzz.Mutation;

namespace Tessera.Fuzz.Kinds;

/// <summary>Chat templates: parsed, and where that goes well rendered as the engine does and with tools and every other variable.</summary>
internal sealed class TemplateKind : FuzzKind
{
    private static readonly string[] Words =
    [
        "{% ",
        " %}",
        "{{ ",
        " }}",
        "{#",
        "#}",
        "{%- ",
        " -%}",
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "in",
        "endfor",
        "set",
        "endset",
        "macro",
        "endmacro",
        "call",
        "endcall",
        "filter",
        "endfilter",
        "raw",
        "endraw",
        "break",
        "continue",
        "generation",
        "endgeneration",
        "include 'x'",
        "import",
        "is",
        "not",
        "and",
        "or",
        "recursive",
        "loop",
        "loop.index",
        "loop.cycle(1,2)",
        "loop(messages)",
        "loop.previtem",
        "namespace(a=1)",
        "ns.a",
        "messages",
        "messages[0]",
        "messages[::-1]",
        "message['content']",
        "tools",
        "range(10)",
        "range(99999999)",
        "range(0,9,0)",
        "lipsum()",
        "cycler('a')",
        "joiner()",
        "dict(a=1)",
        "raise_exception('no')",
        "strftime_now('%Y')",
        "strftime_now('%' * 999)",
        "|tojson",
        "|tojson(indent=9999999)",
        "|trim",
        "|upper",
        "|join(',')",
        "|replace('a','aaaaaaaa')",
        "|map('upper')",
        "|selectattr('role')",
        "|groupby('role')",
        "|batch(3)",
        "|slice(3)",
        "|sort",
        "|unique",
        "|list",
        "|length",
        "|first",
        "|last",
        "|reverse",
        "|indent(99999999)",
        "|center(99999999)",
        "|format(1)",
        "|int",
        "|float",
        "|round(400)",
        "|default('x')",
        "|dictsort",
        "|items",
        "|sum",
        "|min",
        "|wordwrap(1)",
        "|truncate(3)",
        "|xmlattr",
        "|urlencode",
        "|string",
        "|safe",
        "|abs",
        "|attr('x')",
        "|random",
        ".split('a')",
        ".strip()",
        ".upper()",
        ".items()",
        ".keys()",
        ".get('a')",
        ".format('a')",
        ".__class__",
        ".replace('','a')",
        ".startswith('a')",
        ".append(1)",
        ".pop()",
        ".update({})",
        ".join(['a'])",
        ".splitlines()",
        "* 9999999",
        "** 99999",
        "% 0",
        "/ 0",
        "// 0",
        "~",
        "+",
        "-",
        "<",
        "==",
        "is defined",
        "is string",
        "is divisibleby(0)",
        "is sameas none",
        "none",
        "true",
        "undefined",
        "'a' * 99999999",
        "[1] * 99999999",
        "'%999999999d' % 1",
        "'%s' % (1,)",
        "'{:>999999999}'.format(1)",
        "'{0[0]}'.format([1])",
        "[x",
        "{'a': 1}",
        "(1,)",
        "a.b.c",
        "x if y",
        "else 1",
        "caller()",
        "self",
        "super()",
        "varargs",
    ];

    private static readonly ChatTemplateMessage[] Conversation =
    [
        new("system", "Be brief."),
        new("user", [ChatTemplatePart.Image, new ChatTemplatePart("What is in this picture?")]),
        new("assistant", "A cat.")
        {
            Reasoning = "ears",
            ToolCalls = [new("1", "look", TemplateValue.Map(("at", TemplateValue.From("it"))))],
        },
        new("tool", "{\"a\": 1}") { ToolCallId = "1", ToolName = "look" },
        new("user", "Sure? \U0001F600"),
    ];

    private readonly TextMutator mutator;
    private readonly Dictionary<string, TemplateValue>[] variables;

    public TemplateKind()
    {
        string folder = Goldens.RepositoryPath("tests", "goldens", "templates");
        string[] files = Directory.GetFiles(Path.Combine(folder, "own"));
        Array.Sort(files, StringComparer.Ordinal);
        mutator = new TextMutator(
            [.. files.Select(File.ReadAllText)],
            Words,
            [
                ("(", ")"),
                ("[", "]"),
                ("{% if 1 %}", "{% endif %}"),
                ("{% for a in [1] %}", "{% endfor %}"),
                ("{'a':", "}"),
                ("not ", ""),
                ("-", ""),
                ("{{", "}}"),
                ("a.", ""),
                ("1 if ", " else 2"),
                ("x|", ""),
            ]
        );
        using JsonDocument conversations = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "conversations.json")));
        variables =
        [
            .. conversations
                .RootElement.EnumerateObject()
                .Select(static one =>
                    one.Value.EnumerateObject()
                        .ToDictionary(static variable => variable.Name, static variable => TemplateValue.FromJson(variable.Value))
                ),
        ];
    }

    public override string Name => "template";

    public override byte[] Make(Random random) => mutator.Make(random);

    public override Task<bool> TryAsync(byte[] input)
    {
        ChatTemplate template = ChatTemplate.Parse(Encoding.UTF8.GetString(input), "mutant");
        Render(() => new ChatPromptRenderer(template, ["<image>", "<image_soft_token>"]).Render(Conversation, true, "<s>", "</s>"));
        template.Render(variables[input.Length % variables.Length]);
        return Task.FromResult(true);
    }

    // What one conversation is refused for, another need not be.
    private static void Render(Action render)
    {
        try
        {
            render();
        }
        catch (TemplateException)
        {
            // A sentence, as it should be.
        }
    }
}

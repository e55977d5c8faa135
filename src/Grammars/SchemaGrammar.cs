using System.Text.Json;
using Tessera.Shared;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>
/// Turns a JSON Schema into a grammar of JSON texts that follow it. Not all such texts: members come in the schema's order, members that
/// it does not speak of do not come unless it has <c>additionalProperties</c>, white space and the digits of numbers are bounded.
/// </summary>
internal sealed class SchemaGrammar
{
    private readonly SchemaPlaces places;
    private readonly GrammarRules rules = new();
    private readonly SchemaReader reader = new();
    private readonly SchemaMerge merge;
    private readonly SharedRules shared;
    private readonly Dictionary<string, string> ruleOf = [];
    private readonly Dictionary<string, string> pointerOf = [];
    private readonly Queue<string> open = new();
    private SchemaException? firstContradiction;
    private int ruleCount;

    private SchemaGrammar(JsonElement document)
    {
        places = new SchemaPlaces(document);
        merge = new SchemaMerge(Resolve, reader.Count);
        shared = new SharedRules(rules);
    }

    /// <summary>The grammar of a schema, as GBNF.</summary>
    /// <exception cref="SchemaException">The schema cannot be used; the message begins with the JSON pointer and the keyword.</exception>
    public static string Convert(string schema)
    {
        if (schema.Length > GrammarLimits.TextLength)
            throw new SchemaException(
                "#",
                null,
                $"the schema has {schema.Length} characters, but {GrammarLimits.TextLength} are the most."
            );
        try
        {
            using JsonDocument document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = GrammarLimits.Depth });
            return new SchemaGrammar(document.RootElement).Convert();
        }
        catch (JsonException failure)
        {
            throw new SchemaException(
                "#",
                null,
                IsTooDeep(schema)
                    ? $"the schema nests more than {GrammarLimits.Depth} deep ({Place(failure)})."
                    : $"the schema is no JSON: {Reason(failure)} ({Place(failure)}).",
                failure
            );
        }
        catch (InvalidOperationException failure)
        {
            throw new SchemaException("#", null, "the schema holds half of a character.", failure);
        }
    }

    private static string Place(JsonException failure) => $"line {failure.LineNumber + 1}, byte {failure.BytePositionInLine + 1}";

    // What is well-formed, but for its depth.
    private static bool IsTooDeep(string schema)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = GrammarLimits.TextLength });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // The parser's own sentence, without the place at its end.
    private static string Reason(JsonException failure)
    {
        int end = failure.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return PlainText.Quote((end < 0 ? failure.Message : failure.Message[..end]).TrimEnd('.'));
    }

    private string Convert()
    {
        rules[GrammarRules.Root] = RuleOf("#", "#");
        pointerOf[GrammarRules.Root] = "#";
        while (open.TryDequeue(out string? pointer))
            rules[ruleOf[pointer]] = Expression(Resolve(pointer, pointer));
        try
        {
            HashSet<string> ending = rules.Settle(GrammarRules.CanEnd);
            if (!ending.Contains(GrammarRules.Root))
                throw firstContradiction ?? new SchemaException(Endless(ending), null, "no value follows it that has an end.");
            rules.Prune();
            GrammarCheck.Require(rules);
        }
        catch (GrammarFault fault)
        {
            bool isLoop = fault.Message.Contains("left recursion", StringComparison.Ordinal);
            throw new SchemaException(
                pointerOf.GetValueOrDefault(fault.Rule ?? "", "#"),
                isLoop ? "$ref" : null,
                isLoop ? "leads to itself with nothing between." : $"the schema cannot be used: {fault.Message}"
            );
        }

        return GrammarText.Write(rules.All);
    }

    private string Endless(HashSet<string> ending) =>
        pointerOf.FirstOrDefault(rule => !ending.Contains(rule.Key) && rule.Key != GrammarRules.Root, new("", "#")).Value;

    private RuleReference RuleOf(string pointer, string user)
    {
        if (ruleOf.TryGetValue(pointer, out string? name))
            return new RuleReference(name);
        places.Find(pointer, user);
        ruleOf.Add(pointer, name = $"value-{++ruleCount}");
        pointerOf.Add(name, pointer);
        open.Enqueue(pointer);
        return new RuleReference(name);
    }

    private SchemaNode Resolve(string reference, string user) => reader.Read(places.Find(reference, user), reference, merge);

    private GrammarExpression Expression(SchemaNode node)
    {
        if (node.Reference is not null)
        {
            if ((node with { Reference = null }).IsPlain)
                return RuleOf(node.Reference, node.Pointer);
            node = merge.Resolved(node);
        }

        if (node.IsPlain)
            return shared.AnyValue();
        if (node.Unions.Count > 0)
            return Union(node with { Unions = [.. node.Unions.Skip(1)] }, node.Unions[0]);
        if (node.Values is not null)
            return SchemaValues.Of(node);
        var options = new List<GrammarExpression>();
        JsonKinds kinds = node.Possible;
        if (kinds.HasFlag(JsonKinds.Object))
            options.Add(new ObjectGrammar(shared, Expression).Of(node));
        if (kinds.HasFlag(JsonKinds.Array))
            options.Add(new ArrayGrammar(shared, Expression).Of(node));
        if (kinds.HasFlag(JsonKinds.Text))
            options.Add(StringGrammar.Of(node, shared));
        if ((kinds & JsonKinds.Number) != 0)
            options.Add(Numbers(node));
        if (kinds.HasFlag(JsonKinds.Boolean))
            options.Add(Either(Exactly("true"), Exactly("false")));
        if (kinds.HasFlag(JsonKinds.Null))
            options.Add(Exactly("null"));
        return options.Count > 0 ? Either(options) : Contradiction(node.Pointer, "no value can follow it.");
    }

    private RuleReference Numbers(SchemaNode node)
    {
        if (
            node.Minimum is { } low
            && node.Maximum is { } high
            && (low.Value.CompareTo(high.Value) is var order && (order > 0 || (order == 0 && (low.IsExclusive || high.IsExclusive))))
        )
            throw new SchemaException(
                node.Pointer,
                low.IsExclusive ? "exclusiveMinimum" : "minimum",
                $"is {PlainText.Quote($"{low.Value}")}, which leaves nothing below the maximum of {PlainText.Quote($"{high.Value}")}."
            );
        RequireSize(node, node.Minimum, "minimum");
        RequireSize(node, node.Maximum, "maximum");
        int scale = node.Possible.HasFlag(JsonKinds.Fraction) ? node.Scale : 0;
        RuleReference numbers = shared.Number(node.Minimum, node.Maximum, scale);
        return GrammarRules.CanEnd(rules[numbers.Name], [])
            ? numbers
            : throw new SchemaException(node.Pointer, "minimum", "and maximum have no integer between them.");
    }

    private static void RequireSize(SchemaNode node, NumberBound? bound, string keyword)
    {
        if (bound is not { } limit)
            return;
        var most = ExactDecimal.PowerOfTen(NumberGrammar.MaxBoundDigits);
        if (limit.Value.CompareTo(most) > 0 || limit.Value.CompareTo(most.Negate()) < 0 || limit.Value.Scale > NumberGrammar.MaxBoundDigits)
            throw new SchemaException(
                node.Pointer,
                keyword,
                $"has more than {NumberGrammar.MaxBoundDigits} digits before or after the point."
            );
    }

    private GrammarExpression Union(SchemaNode rest, SchemaUnion union)
    {
        SchemaNode[] branches = [.. union.Branches.Select(branch => merge.Both(rest, branch))];
        if (union.IsExclusive)
            SchemaBranches.RequireDistinct(
                union.Pointer,
                [.. union.Branches.Select(branch => merge.Resolved(merge.Both(rest with { Unions = [] }, branch)))],
                merge
            );
        return Either(
            branches.Select(branch =>
                branch.Kinds == JsonKinds.None
                    ? Contradiction(branch.Pointer, "no value can follow it together with what is beside it.")
                    : Expression(branch)
            )
        );
    }

    // What cannot be may stand where it need not be; if it must, this is what to tell.
    private GrammarExpression Contradiction(string pointer, string problem)
    {
        firstContradiction ??= new SchemaException(pointer, null, problem);
        return Never;
    }
}

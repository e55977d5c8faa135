using Tessera.Shared;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>Objects: members in the schema's order, any of the optional ones, then further members where the schema speaks of
/// them.</summary>
/// <param name="shared">Rules that others use too.</param>
/// <param name="compile">Makes the expression of a member's value.</param>
internal sealed class ObjectGrammar(SharedRules shared, Func<SchemaNode, GrammarExpression> compile)
{
    /// <exception cref="SchemaException">The keywords contradict each other or are beyond a grammar.</exception>
    public GrammarExpression Of(SchemaNode node)
    {
        List<(string Name, SchemaNode Schema, bool IsRequired)> members = Members(node);
        GrammarExpression? further = Further(node, members);
        int required = members.Count(static member => member.IsRequired);
        RequireCounts(node, required);
        int? furtherMost = node.MaxProperties is int most && further is not null ? most - members.Count : null;
        if (node.MaxProperties < members.Count)
            throw new SchemaException(
                node.Pointer,
                "maxProperties",
                $"is less than the {members.Count} members that are named, which a grammar cannot count."
            );

        GrammarExpression inside = Inside(members, further, furtherMost);
        bool mayBeEmpty = required == 0 && node.MinProperties == 0;
        GrammarExpression filled = Join(Exactly("{"), shared.Space(), inside, shared.Space(), Exactly("}"));
        return mayBeEmpty ? Either(Exactly("{}"), filled) : filled;
    }

    private static List<(string Name, SchemaNode Schema, bool IsRequired)> Members(SchemaNode node)
    {
        var members = new List<(string Name, SchemaNode Schema, bool IsRequired)>();
        HashSet<string> named = [],
            required = [.. node.Required];
        foreach ((string name, SchemaNode schema) in node.Properties.Reverse())
            if (named.Add(name))
                members.Insert(0, (name, schema, required.Contains(name)));
        foreach (string name in node.Required)
        {
            if (!named.Add(name))
                continue;
            if (node.Additional?.Kinds == JsonKinds.None)
                throw new SchemaException(
                    node.Pointer,
                    "required",
                    $"names '{PlainText.Quote(name)}', which additionalProperties forbids."
                );
            members.Add((name, node.Additional ?? new SchemaNode(node.Pointer), true));
        }

        if (node.PropertyNames is not null && members.Count > 0)
            throw new SchemaException(
                node.Pointer,
                "propertyNames",
                "stands beside named members, which a grammar does not check against it."
            );
        return members;
    }

    private static void RequireCounts(SchemaNode node, int required)
    {
        if (node.MinProperties > node.MaxProperties)
            throw new SchemaException(
                node.Pointer,
                "minProperties",
                $"is {node.MinProperties}, which is more than the maxProperties of {node.MaxProperties}."
            );
        if (node.MinProperties > Math.Max(1, required))
            throw new SchemaException(
                node.Pointer,
                "minProperties",
                "cannot be said by a grammar, unless it is 1 or the members are required."
            );
    }

    // A member that is not named: with a schema for it, or where the schema says nothing of members at all.
    private RuleReference? Further(SchemaNode node, List<(string Name, SchemaNode Schema, bool IsRequired)> members)
    {
        if (node.Additional?.Kinds == JsonKinds.None || (node.Additional is null && members.Count > 0))
            return null;
        GrammarExpression name = node.PropertyNames switch
        {
            null => OtherNames.Than([.. members.Select(static member => member.Name)]),
            { Values: not null } names => SchemaValues.Of(names with { Kinds = names.Kinds & JsonKinds.Text }),
            { Unions.Count: > 0 } or { Reference: not null } => throw new SchemaException(
                node.Pointer,
                "propertyNames",
                "is more than limits, a pattern, a format or an enum."
            ),
            { } names => Join(
                Exactly("\""),
                StringGrammar.Characters(names, shared, new CharacterClass(CharacterSet.JsonPlain)),
                Exactly("\"")
            ),
        };
        return shared.Add("member", Join(name, SharedRules.Colon(), compile(node.Additional ?? new SchemaNode(node.Pointer))));
    }

    // From the last member to the first: what may follow once there was one, and what may come first.
    private GrammarExpression Inside(
        List<(string Name, SchemaNode Schema, bool IsRequired)> members,
        GrammarExpression? further,
        int? furtherMost
    )
    {
        GrammarExpression rest = further is null ? Empty : Times(Join(shared.Comma(), further), 0, furtherMost);
        GrammarExpression first =
            further is null || furtherMost <= 0 ? Never : Join(further, Times(Join(shared.Comma(), further), 0, furtherMost - 1));
        foreach ((string name, SchemaNode schema, bool isRequired) in Enumerable.Reverse(members))
        {
            RuleReference member = shared.Add("member", Join(Exactly(JsonText.Quote(name)), SharedRules.Colon(), compile(schema)));
            GrammarExpression here = Join(member, rest),
                next = Join(shared.Comma(), member, rest);
            first = shared.Add("first", isRequired ? here : Either(here, first));
            rest = shared.Add("rest", isRequired ? next : Either(next, rest));
        }

        return first;
    }
}

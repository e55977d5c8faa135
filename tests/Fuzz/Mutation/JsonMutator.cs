using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tessera.Fuzz.Mutation;

/// <summary>
/// Makes hostile JSON of sound JSON: values of other kinds, members taken away, moved, doubled and added, nests, and numbers at the
/// ends of ranges.
/// </summary>
/// <param name="names">Names that members may have.</param>
/// <param name="texts">Texts that values may be.</param>
internal sealed class JsonMutator(IReadOnlyList<string> names, IReadOnlyList<string> texts)
{
    private static readonly JsonSerializerOptions Deep = new()
    {
        MaxDepth = 5_000,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly string[] Numbers =
    [
        "0",
        "-0",
        "1",
        "-1",
        "2",
        "7",
        "0.5",
        "1e3",
        "1e-7",
        "1e400",
        "-1e400",
        "1e-400",
        "2147483647",
        "2147483648",
        "-2147483649",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "123456789012345678901234567890",
        "0.1234567890123456789012345",
        "99999",
        "16384",
        "1000000",
    ];

    public byte[] Make(JsonNode original, Random random)
    {
        JsonNode? root = original.DeepClone();
        for (int changes = random.Next(1, 6); changes > 0; changes--)
            root = Change(root, random);
        byte[] bytes = Encoding.UTF8.GetBytes(root?.ToJsonString(Deep) ?? "null");
        return random.OneIn(20) ? Damage.Copy(bytes, random) : bytes;
    }

    private JsonNode? Change(JsonNode? root, Random random)
    {
        JsonNode? node = root;
        // Down to some place, each as likely as the next.
        while (node is JsonObject { Count: > 0 } or JsonArray { Count: > 0 } && random.Next(4) > 0)
        {
            JsonNode? next = node is JsonObject members ? random.Pick(members.ToArray()).Value : random.Pick(((JsonArray)node).ToArray());
            if (next is null)
                break;
            node = next;
        }

        if (node is JsonObject inner && random.Next(4) > 0)
            ChangeMembers(inner, root, random);
        else if (node is JsonArray list && random.Next(3) > 0)
            ChangeItems(list, root, random);
        else
            return Replace(root, node, Value(root, random, 2));
        return root;
    }

    private void ChangeMembers(JsonObject members, JsonNode? root, Random random)
    {
        string? name = members.Count > 0 ? random.Pick(members.ToArray()).Key : null;
        switch (random.Next(6))
        {
            case 0 when name is not null:
                members.Remove(name);
                break;
            case 1 when name is not null:
                members[name] = Value(root, random, 3);
                break;
            case 2 when name is not null:
                Rename(members, name, random.Pick(names));
                break;
            case 3 when name is not null:
                members[random.Pick(names)] = members[name]?.DeepClone();
                break;
            default:
                members[random.Pick(names)] = Value(root, random, 3);
                break;
        }
    }

    private void ChangeItems(JsonArray list, JsonNode? root, Random random)
    {
        int index = list.Count == 0 ? 0 : random.Next(list.Count);
        switch (random.Next(4))
        {
            case 0 when list.Count > 0:
                list.RemoveAt(index);
                break;
            case 1 when list.Count > 0:
                list[index] = Value(root, random, 3);
                break;
            case 2 when list.Count > 0:
                for (int copies = 1 << random.Next(8); copies > 0; copies--)
                    list.Add(list[index]?.DeepClone());
                break;
            default:
                list.Add(Value(root, random, 3));
                break;
        }
    }

    private static void Rename(JsonObject members, string from, string to)
    {
        JsonNode? value = members[from];
        members.Remove(from);
        members[to] = value;
    }

    private static JsonNode? Replace(JsonNode? root, JsonNode? old, JsonNode? value)
    {
        if (old is null || ReferenceEquals(root, old))
            return value;
        old.ReplaceWith(value);
        return root;
    }

    private JsonNode? Value(JsonNode? root, Random random, int depth)
    {
        switch (random.Next(depth > 0 ? 10 : 6))
        {
            case 0:
                return null;
            case 1:
                return random.Next(2) == 0;
            case 2:
                return JsonNode.Parse(random.Pick(Numbers));
            case 3 or 4:
                return random.Pick(texts);
            case 5:
                return random.OneIn(8) ? new string('a', 1 << random.Next(4, 15)) : random.Pick(names);
            case 6:
                return new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Value(root, random, depth - 1))]);
            case 7:
                var made = new JsonObject();
                for (int count = random.Next(4); count > 0; count--)
                    made[random.Pick(names)] = Value(root, random, depth - 1);
                return made;
            case 8 when random.OneIn(4):
                return Nest(random);
            default:
                return Some(root, random)?.DeepClone();
        }
    }

    private JsonNode Nest(Random random)
    {
        JsonNode node = new JsonObject();
        string name = random.Pick(names);
        for (int depth = 1 << random.Next(1, 9); depth > 0; depth--)
            node = random.OneIn(8) ? new JsonArray(node) : new JsonObject { [name] = node };
        return node;
    }

    // A part of the whole, so that wholes come to stand in themselves.
    private static JsonNode? Some(JsonNode? root, Random random)
    {
        JsonNode? node = root;
        for (int steps = random.Next(1, 5); steps > 0; steps--)
        {
            JsonNode? next = node switch
            {
                JsonObject { Count: > 0 } members => random.Pick(members.ToArray()).Value,
                JsonArray { Count: > 0 } list => random.Pick(list.ToArray()),
                _ => null,
            };
            if (next is null)
                break;
            node = next;
        }

        return node is null || node.ToJsonString(Deep).Length > 20_000 ? null : node;
    }
}

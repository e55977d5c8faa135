using Tessera.Grammars;

namespace Tessera.Engine.Tests.Grammars;

/// <summary>Schemas become grammars that allow what follows them and nothing else; what cannot be said is named.</summary>
public sealed class SchemaTests
{
    [Theory]
    [InlineData("""{"type":"null"}""", "null", "0|''")]
    [InlineData("""{"type":"boolean"}""", "true|false", "True|null")]
    [InlineData("""{"type":["integer","null"]}""", "null|0|-7|123456789012345", "1.0|01|-0|1234567890123456|1e3")]
    [InlineData("""{"type":"number"}""", "0|-0.5|3.25|1e9|2.5E-3", ".5|1.|+1|NaN|1e999")]
    [InlineData("""{"type":"integer","minimum":-12,"maximum":105}""", "-12|-9|0|7|99|100|105", "-13|106|110|-20|1000|-0")]
    [InlineData("""{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10}""", "1|9", "0|10|-1")]
    [InlineData("""{"type":"integer","minimum":98.5}""", "99|100|999999999999999", "98|9|-99")]
    [InlineData(
        """{"type":"number","minimum":-1.25,"exclusiveMaximum":2}""",
        "-1.25|-1.2|-0.5|0|1|1.999|-1.249",
        "-1.26|-1.3|2|2.0|-2|1e0"
    )]
    [InlineData("""{"type":"number","exclusiveMinimum":0.5,"maximum":0.75}""", "0.51|0.501|0.75|0.7", "0.5|0.50|0.76|0.751|1")]
    [InlineData("""{"type":"number","multipleOf":0.01,"minimum":0}""", "0|12.5|3.99", "3.999|-1")]
    [InlineData("""{"minimum":1e15}""", "1000000000000000|2000000000000000", "999999999999999|1")]
    [InlineData("""{"type":"string","minLength":1,"maxLength":3}""", """'a'|'äöü'|'\n\u00e9x'|'😀'|'\\\''""", """''|'abcd'|'\ud83d'|abc""")]
    [InlineData("""{"type":"string","pattern":"^[A-Z]{2}-\\d+$","maxLength":5}""", "'AB-1'|'AB-12'", "'AB-123'|'AB-'|'ab-1'|'xAB-1'")]
    [InlineData("""{"pattern":"b+|^c$"}""", "'b'|'abba'|'c'|'ab\\n'", "'a'|'cc'|''")]
    [InlineData("""{"type":"string","pattern":"^(?:a|\"\\\\)[^a-y]$"}""", """'az'|'\'\\z'|'a\''""", "'aa'|'a'")]
    [InlineData(
        """{"type":"string","format":"date"}""",
        "'2024-02-29'|'2000-02-29'|'1600-02-29'|'2400-02-29'|'1999-12-31'|'2023-04-30'",
        "'2023-02-29'|'2100-02-29'|'1400-02-29'|'3000-02-29'|'2023-04-31'|'2023-13-01'|'2023-1-1'"
    )]
    [InlineData("""{"type":"string","format":"time"}""", "'23:59:59Z'|'00:00:00.5+02:00'", "'24:00:00Z'|'12:60:00Z'|'12:00:00'")]
    [InlineData("""{"type":"string","format":"date-time"}""", "'2024-02-29T12:00:00Z'", "'2024-02-29 12:00:00Z'|'2024-02-30T12:00:00Z'")]
    [InlineData("""{"type":"string","format":"uuid"}""", "'123e4567-e89b-12d3-a456-426614174000'", "'123e4567e89b12d3a456426614174000'")]
    [InlineData("""{"enum":["red","reddish",3,null,{"a":[1]}]}""", "'red'|'reddish'|3|null|{'a':[1]}", "'redd'|'blue'|{'a': [1]}")]
    [InlineData("""{"type":"string","enum":["a",1,"bcd"],"maxLength":2}""", "'a'", "1|'bcd'")]
    [InlineData("""{"const":"x"}""", "'x'", "'y'")]
    [InlineData(
        """{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2}""",
        "[true]|[true, false]|[\n  true,\n  false\n]",
        "[]|[true,true,true]|[1]|[true ,true]"
    )]
    [InlineData("""{"type":"array","items":{"type":"null"}}""", "[]|[null,null,null]", "[,]|[null,]")]
    [InlineData(
        """{"prefixItems":[{"const":1},{"const":2}],"items":{"type":"null"},"maxItems":3}""",
        "[1,2]|[1,2,null]",
        "[1]|[2,1]|[1,2,null,null]"
    )]
    [InlineData(
        """{"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}},"required":["b"]}""",
        "{'b':2}|{'a':1,'b':2}|{'b': 2, 'c': 3}|{'a':1,'b':2,'c':3}",
        "{}|{'a':1}|{'b':2,'a':1}|{'a':1,'c':3}|{'b':2,}|{'b':2,'d':4}"
    )]
    [InlineData("""{"properties":{"a":{"const":1},"b":{"const":2}}}""", "{}|{'a':1}|{'b':2}|{'a':1,'b':2}", "{'b':2,'a':1}|{,}|{'c':1}")]
    [InlineData(
        """{"properties":{"ab":{"const":1}},"additionalProperties":{"type":"null"}}""",
        "{}|{'ab':1,'x':null}|{'a':null}|{'abc':null,'b':null}",
        "{'ab':null}|{'x':1}|{'x':null,'ab':1}"
    )]
    [InlineData(
        """{"additionalProperties":{"type":"boolean"},"propertyNames":{"pattern":"^k\\d$"},"maxProperties":2,"minProperties":1}""",
        "{'k1':true}|{'k1':true,'k2':false}",
        "{}|{'x':true}|{'k1':true,'k2':true,'k3':true}"
    )]
    [InlineData("""{"type":"object","properties":{"a":{"const":1}},"required":["a","z"]}""", "{'a':1,'z':[{}]}", "{'a':1}")]
    [InlineData(
        """{"anyOf":[{"type":"null"},{"type":"object","properties":{"k":{"const":"v"}},"required":["k"]}]}""",
        "null|{'k':'v'}",
        "{}"
    )]
    [InlineData(
        """{"oneOf":[{"properties":{"t":{"const":"a"},"x":{"const":1}},"required":["t","x"],"type":"object"},{"properties":{"t":{"const":"b"}},"required":["t"],"type":"object"}]}""",
        "{'t':'a','x':1}|{'t':'b'}",
        "{'t':'a'}|{'t':'b','x':1}"
    )]
    [InlineData("""{"type":"integer","anyOf":[{"maximum":3},{"minimum":8}],"minimum":2,"maximum":9}""", "2|3|8|9", "1|4|7|10")]
    [InlineData(
        """{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":5},"b":{"const":0}},"required":["b"]}],"properties":{"a":{"maximum":6}}}""",
        "{'a':5,'b':0}|{'a':6,'b':0}",
        "{'a':4,'b':0}|{'a':7,'b':0}|{'a':5}"
    )]
    [InlineData(
        """{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"const":1},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}}}""",
        "{'v':1,'next':null}|{'v':1,'next':{'v':1,'next':null}}",
        "{'v':1}|{'v':1,'next':{}}"
    )]
    [InlineData("""{"type":"array","items":{"$ref":"#"},"maxItems":2}""", "[]|[[],[[]]]", "[[],[],[]]|[1]")]
    [InlineData("""{"definitions":{"p/~q":{"const":7}},"$ref":"#/definitions/p~1~0q"}""", "7", "8")]
    [InlineData(
        """{"properties":{"a":{"const":1},"self":{"$ref":"#"},"never":false},"required":["a"]}""",
        "{'a':1}|{'a':1,'self':{'a':1}}",
        "{'a':1,'never':0}"
    )]
    [InlineData("true", "{'a':[1,'b',{}]}|3|null", "{a:1}|[1")]
    public void A_schema_allows_these_texts_and_not_those(string schema, string allowed, string refused)
    {
        var matcher = new GbnfMatcher(AnswerFormat.FromSchema(schema).Grammar);
        foreach (string text in Texts(allowed))
            Assert.True(matcher.Matches(text), $"{schema} refuses {text}");
        foreach (string text in Texts(refused))
            Assert.False(matcher.Matches(text), $"{schema} allows {text}");
    }

    [Theory]
    [InlineData("""{"type":"integer","minimum":5,"maximum":4}""", "#", "minimum")]
    [InlineData("""{"type":"integer","minimum":1.2,"maximum":1.8}""", "#", "minimum")]
    [InlineData("""{"exclusiveMinimum":3,"maximum":3}""", "#", "exclusiveMinimum")]
    [InlineData("""{"properties":{"a~/b":{"type":"array","minItems":3,"maxItems":2}}}""", "#/properties/a~0~1b", "minItems")]
    [InlineData("""{"minLength":3,"maxLength":2}""", "#", "minLength")]
    [InlineData("""{"enum":[]}""", "#", "enum")]
    [InlineData("""{"type":"string","enum":[1,2]}""", "#", "enum")]
    [InlineData("""{"anyOf":[]}""", "#", "anyOf")]
    [InlineData("""{"type":"object","required":["x"],"additionalProperties":false}""", "#", "required")]
    [InlineData("""{"type":"object","properties":{"me":{"$ref":"#"}},"required":["me"]}""", "#", null)]
    [InlineData("""{"$ref":"#"}""", "#", null)]
    [InlineData("""{"anyOf":[{"$ref":"#"},{"type":"null"}]}""", "#", "$ref")]
    [InlineData("""{"allOf":[{"$ref":"#"},{"type":"null"}]}""", "#/allOf/0", null)]
    [InlineData("""{"allOf":[{"type":"string"},{"type":"null"}]}""", "#", null)]
    [InlineData("false", "#", null)]
    [InlineData("""{"type":"strin"}""", "#", "type")]
    [InlineData("""{"minimum":"5"}""", "#", "minimum")]
    [InlineData("""{"items":{"not":{}}}""", "#/items", "not")]
    [InlineData("""{"uniqueItems":true}""", "#", "uniqueItems")]
    [InlineData("""{"type":"integer","multipleOf":7}""", "#", "multipleOf")]
    [InlineData("""{"pattern":"(?=a)b"}""", "#", "pattern")]
    [InlineData("""{"pattern":"a(b"}""", "#", "pattern")]
    [InlineData("""{"pattern":"^(a*)*$"}""", "#", null)]
    [InlineData("""{"format":"regex"}""", "#", "format")]
    [InlineData("""{"$ref":"other.json"}""", "#", "$ref")]
    [InlineData("""{"items":{"$ref":"#/$defs/none"}}""", "#/items", "$ref")]
    [InlineData("""{"oneOf":[{"type":"number"},{"type":"integer"}]}""", "#", "oneOf")]
    [InlineData("""{"maxLength":99999}""", "#", "maxLength")]
    [InlineData(
        """{"type":"array","items":{"type":"array","items":{"type":"string","maxLength":16384},"maxItems":16384},"maxItems":16384,"prefixItems":[{"type":"integer","maximum":1e400}]}""",
        "#/prefixItems/0",
        "maximum"
    )]
    [InlineData("[1]", "#", null)]
    [InlineData("{", "#", null)]
    [InlineData("""{"const":"\ud800"}""", "#", null)]
    public async Task What_cannot_be_said_is_named(string schema, string pointer, string? keyword)
    {
        SchemaException failure = await Assert.ThrowsAsync<SchemaException>(() =>
            Task.Run(() => AnswerFormat.FromSchema(schema)).WaitAsync(Patience.Limit)
        );
        Assert.Equal((pointer, keyword), (failure.Pointer, failure.Keyword));
        Assert.StartsWith(pointer + ":", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("megabyte")]
    [InlineData("deep")]
    [InlineData("doubling")]
    [InlineData("references")]
    [InlineData("repetitions")]
    [InlineData("ambiguous")]
    public async Task What_is_too_large_is_refused_soon(string kind)
    {
        string schema = kind switch
        {
            "megabyte" => $$"""{"enum":["{{new string('x', 1 << 20)}}"]}""",
            "deep" => string.Concat(Enumerable.Repeat("""{"items":""", 5000)) + "true" + new string('}', 5000),
            // Each pair of alternatives doubles what holds at once.
            "doubling" => """{"allOf":[""" + string.Join(',', Enumerable.Repeat("""{"anyOf":[{"minimum":1},{"maximum":5}]}""", 30)) + "]}",
            "references" => """{"$ref":"#/$defs/0","$defs":{"""
                + string.Concat(Enumerable.Range(0, 6000).Select(static index => $"\"{index}\":{{\"$ref\":\"#/$defs/{index + 1}\"}},"))
                + "\"6000\":{}}}",
            "repetitions" => """{"properties":{"""
                + string.Join(
                    ',',
                    Enumerable.Range(0, 60).Select(static index => $"\"{index}\":{{\"type\":\"string\",\"minLength\":{16000 + index}}}")
                )
                + "}}",
            _ => """{"pattern":"^((((((a?){30}b?){30}c?){30}d?){30}e?){30}f?){30}$"}""",
        };
        long allocated = await Task.Run(() =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                Assert.Throws<SchemaException>(() => AnswerFormat.FromSchema(schema));
                return GC.GetAllocatedBytesForCurrentThread() - before;
            })
            .WaitAsync(Patience.Limit);
        // What takes no memory takes no time.
        Assert.InRange(allocated, 0, 100_000_000);
    }

    // A quote in a table stands for JSON's.
    private static IEnumerable<string> Texts(string table) =>
        table
            .Split('|')
            .Select(static text => text.Replace("\\'", "\\\u0001", StringComparison.Ordinal).Replace('\'', '"').Replace('\u0001', '"'));
}

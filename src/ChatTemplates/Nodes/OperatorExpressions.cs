using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>What an operator does with two values.</summary>
internal delegate TemplateValue BinaryOperation(RenderState state, TemplateValue left, TemplateValue right);

internal sealed class BinaryExpression(int offset, Expression left, Expression right, BinaryOperation operation) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue first = left.Evaluate(state),
            second = right.Evaluate(state);
        state.Offset = Offset;
        return operation(state, first, second);
    }
}

internal sealed class SignExpression(int offset, Expression operand, bool isNegative) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue value = operand.Evaluate(state);
        return isNegative ? PythonArithmetic.Negate(value) : PythonArithmetic.Plus(value);
    }
}

internal sealed class NotExpression(int offset, Expression operand) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state) => BooleanValue.Of(!operand.Evaluate(state).IsTrue);
}

internal sealed class AndExpression(int offset, Expression left, Expression right) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state) =>
        left.Evaluate(state) is { IsTrue: false } value ? value : right.Evaluate(state);
}

internal sealed class OrExpression(int offset, Expression left, Expression right) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state) =>
        left.Evaluate(state) is { IsTrue: true } value ? value : right.Evaluate(state);
}

/// <summary>The operator ~: the texts of all operands, one after the other.</summary>
internal sealed class ConcatExpression(int offset, IReadOnlyList<Expression> operands) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        StringBuilder text = new();
        foreach (Expression operand in operands)
        {
            text.Append(state.ToText(operand.Evaluate(state)));
            state.Meter.RequireLength(text.Length);
        }
        return state.Text(text.ToString());
    }
}

internal sealed class ConditionalExpression(int offset, Expression condition, Expression whenTrue, Expression? whenFalse)
    : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state) =>
        condition.Evaluate(state).IsTrue ? whenTrue.Evaluate(state)
        : whenFalse is not null ? whenFalse.Evaluate(state)
        : new UndefinedValue("the inline if-expression evaluated to false and no else section was defined.");
}

/// <summary>What a comparison says about two values.</summary>
internal delegate bool Comparison(RenderMeter meter, TemplateValue left, TemplateValue right);

/// <summary>A comparison, or a chain of them like <c>a &lt; b &lt; c</c>.</summary>
internal sealed class CompareExpression(int offset, Expression first, IReadOnlyList<(Comparison Comparison, Expression Operand)> rest)
    : Expression(offset)
{
    /// <summary>The comparisons by their symbols.</summary>
    public static readonly IReadOnlyDictionary<string, Comparison> Symbols = new Dictionary<string, Comparison>
    {
        ["=="] = PythonComparison.Equal,
        ["!="] = (meter, left, right) => !PythonComparison.Equal(meter, left, right),
        ["<"] = (meter, left, right) => PythonComparison.Order(meter, left, right, "<") < 0,
        ["<="] = (meter, left, right) => PythonComparison.Order(meter, left, right, "<=") <= 0,
        [">"] = (meter, left, right) => PythonComparison.Order(meter, left, right, ">") > 0,
        [">="] = (meter, left, right) => PythonComparison.Order(meter, left, right, ">=") >= 0,
        ["in"] = (meter, left, right) => PythonComparison.Contains(meter, right, left),
        ["not in"] = (meter, left, right) => !PythonComparison.Contains(meter, right, left),
    };

    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue left = first.Evaluate(state);
        foreach ((Comparison comparison, Expression operand) in rest)
        {
            TemplateValue right = operand.Evaluate(state);
            state.Offset = Offset;
            if (!comparison(state.Meter, left, right))
                return BooleanValue.Of(false);
            left = right;
        }
        return BooleanValue.Of(true);
    }
}

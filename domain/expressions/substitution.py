"""Substitution: an expression with other expressions in place of its fields."""

from acci.domain.expressions.tree import Call, Expression, Field, Leaf


def replace_fields(expression: Expression, leaf: Leaf) -> Expression:
    """The expression with `leaf(field)` in place of every field."""
    if isinstance(expression, Field):
        return leaf(expression)
    if isinstance(expression, Call):
        parts = tuple(replace_fields(part, leaf) for part in expression.arguments)
        if all(new is part for new, part in zip(parts, expression.arguments, strict=True)):
            return expression
        return Call(expression.kind, _nullable(expression, parts), expression.function, parts, expression.detail)
    return expression


def _nullable(call: Call, parts: tuple[Expression, ...]) -> bool:
    """Whether the call may be NULL with these arguments."""
    match call.function:
        case "is_null":
            return False
        case "coalesce":
            return all(part.nullable for part in parts)
        case "when":
            return any(part.nullable for part in parts[1:])
    return any(part.nullable for part in parts)

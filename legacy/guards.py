"""The triggers that make what the old backend writes satisfy the checks."""

# personas.0003, word for word: it runs over these.
NORMAL_COLOURS = (
    """
    CREATE OR REPLACE FUNCTION personas_normal_color() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.color := '#4f46e5';
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE OR REPLACE TRIGGER personas_normal_color BEFORE INSERT OR UPDATE ON personas
    FOR EACH ROW WHEN (NEW.color !~ '^#[0-9A-Fa-f]{6}$')
    EXECUTE FUNCTION personas_normal_color()
    """,
)

"""Where everything is kept: tables, one repository module per noun, the two databases, migrations."""

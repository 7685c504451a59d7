"""secure boot."""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # not in a batch: SQLite would make the table anew, which instances refer to
    op.add_column('machines', sa.Column('secure_boot', sa.Boolean(), server_default=sa.false(), nullable=False))

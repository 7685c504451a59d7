"""custom actions."""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # not in a batch: SQLite would make the table anew, and its history of steps would go with the old one
    op.add_column('operations', sa.Column('command', sa.Text(), server_default='', nullable=False))
    op.add_column('operations', sa.Column('parameters', sa.JSON(), server_default='{}', nullable=False))
    op.add_column('operations', sa.Column('answer', sa.JSON(), nullable=True))

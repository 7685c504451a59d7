"""which NICs form bonds."""

import sqlalchemy as sa
from alembic import op


revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('nics', sa.Column('bond', sa.Text(), server_default='', nullable=False))
    op.add_column('nics', sa.Column('bond_mode', sa.Text(), nullable=True))

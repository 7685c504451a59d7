"""two bmcs."""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # not in a batch: SQLite would make the table anew, which instances refer to
    op.add_column('machines', sa.Column('bmc_trust', sa.Text(), server_default='', nullable=False))
    op.create_table('second_bmcs',
    sa.Column('machine_id', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('user', sa.Text(), server_default='', nullable=False),
    sa.Column('sealed_password', sa.LargeBinary(), nullable=False),
    sa.Column('cipher_suites', sa.JSON(), nullable=False),
    sa.Column('trust', sa.Text(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_second_bmcs_machine_id_machines'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('machine_id', name=op.f('pk_second_bmcs')),
    sa.UniqueConstraint('address', name=op.f('uq_second_bmcs_address'))
    )

from .build import import_tables as import_tables
from .data_file import DataFile as DataFile
from .report import Imported as Imported

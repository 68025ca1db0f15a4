"""The settings, each written once: type, default, help, range and choices in one annotation.

May import: errors, formatting, files. Never typer, torch or NumPy.
"""

from charrnn.config.cluster import CardName as CardName
from charrnn.config.cluster import ClusterConfig as ClusterConfig
from charrnn.config.filling import FillConfig as FillConfig
from charrnn.config.inspection import InspectConfig as InspectConfig
from charrnn.config.measuring import COLD_WINDOW as COLD_WINDOW
from charrnn.config.measuring import COMPARED_LENGTH as COMPARED_LENGTH
from charrnn.config.network import GATES as GATES
from charrnn.config.network import PARTS as PARTS
from charrnn.config.network import Cell as Cell
from charrnn.config.network import ModelConfig as ModelConfig
from charrnn.config.network import Nonlinearity as Nonlinearity
from charrnn.config.option import AUTO as AUTO
from charrnn.config.option import Config as Config
from charrnn.config.option import Option as Option
from charrnn.config.option import Setting as Setting
from charrnn.config.option import describe as describe
from charrnn.config.option import settings_of as settings_of
from charrnn.config.reading import MAX_EXPANSION as MAX_EXPANSION
from charrnn.config.reading import DecodingErrors as DecodingErrors
from charrnn.config.reading import Normalize as Normalize
from charrnn.config.reading import ReadConfig as ReadConfig
from charrnn.config.reading import Shuffle as Shuffle
from charrnn.config.reading import SourceConfig as SourceConfig
from charrnn.config.run import CHECKPOINT_DIR as CHECKPOINT_DIR
from charrnn.config.run import LENGTHS as LENGTHS
from charrnn.config.run import PresetName as PresetName
from charrnn.config.run import RunConfig as RunConfig
from charrnn.config.run import StartConfig as StartConfig
from charrnn.config.sampling import TEMPERATURE as TEMPERATURE
from charrnn.config.sampling import BoundsConfig as BoundsConfig
from charrnn.config.sampling import CandidatesConfig as CandidatesConfig
from charrnn.config.sampling import Color as Color
from charrnn.config.sampling import ColorConfig as ColorConfig
from charrnn.config.sampling import LikeliestConfig as LikeliestConfig
from charrnn.config.sampling import NgramsConfig as NgramsConfig
from charrnn.config.sampling import NoveltyConfig as NoveltyConfig
from charrnn.config.sampling import SamplingConfig as SamplingConfig
from charrnn.config.sampling import SeveralConfig as SeveralConfig
from charrnn.config.sampling import Unseen as Unseen
from charrnn.config.snapshots import DEMO_ITERATIONS as DEMO_ITERATIONS
from charrnn.config.snapshots import SnapshotConfig as SnapshotConfig
from charrnn.config.snapshots import growing_iteration as growing_iteration
from charrnn.config.training import ClipMode as ClipMode
from charrnn.config.training import DataConfig as DataConfig
from charrnn.config.training import Decay as Decay
from charrnn.config.training import HeldOutConfig as HeldOutConfig
from charrnn.config.training import OptimizerConfig as OptimizerConfig
from charrnn.config.training import OptimizerName as OptimizerName
from charrnn.config.training import Precision as Precision
from charrnn.config.training import ScheduleConfig as ScheduleConfig
from charrnn.config.training import StoppingConfig as StoppingConfig
from charrnn.config.training import TrainConfig as TrainConfig
from charrnn.config.training import ValAt as ValAt

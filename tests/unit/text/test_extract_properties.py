"""Whatever a payload looks like, there is a document."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.text.extractors.document import Comment, extract
from assets.text.extractors.markup import Markup, clean_text
from resources.sources.records import RawKind, Shape

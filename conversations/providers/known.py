"""The models that the project began with, as far as their providers' pages tell of them.

What they don't tell is None. A listing that says otherwise wins, once a person has confirmed it.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Prices in US dollars per million tokens."""

    id: str
    price_in: Decimal | None = None
    price_out: Decimal | None = None
    dtype: str = ""
    context: int | None = None
    lora: bool | None = None


CODER_32B = "Qwen/Qwen2.5-Coder-32B-Instruct"
KNOWN: dict[str, tuple[KnownModel, ...]] = {
    "deepinfra": (
        KnownModel(CODER_32B, Decimal("0.07"), Decimal("0.16"), "fp8", 32_768),
        KnownModel(
            "Qwen/Qwen2.5-7B-Instruct", Decimal("0.025"), Decimal("0.05"), "bfloat16", 32_768
        ),
        KnownModel("Qwen/Qwen2-7B-Instruct"),
    ),
    "aimlapi": (KnownModel(CODER_32B),),
    "cloudflare": (
        KnownModel(
            "@cf/qwen/qwen2.5-coder-32b-instruct",
            Decimal("0.66"),
            Decimal("1.00"),
            context=32_768,
            lora=True,
        ),
    ),
}

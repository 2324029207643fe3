"""Answers of OpenRouter, and what each costs: worked out from published prices in the line above it.

Dollars for a million tokens: input, output, read from a cache, written to it. Prices move by the day.

    anthropic/claude-sonnet-4.5   3  15  0.3  3.75      anthropic/claude-haiku-4.5   1  5  0.1  1.25
    anthropic/claude-opus-4.5     5  25       6.25      for an hour twice the input
    openai/gpt-4o   2.5  10  1.25                       openai/gpt-4.1      2     8    0.5
    openai/gpt-5-mini  0.25  2  0.025                   openai/gpt-4o-mini  0.15  0.6  0.075

The comment counts millionths of a dollar: tokens times dollars for a million.
"""

from tests.core.usage.bills.bill import Bill

# fmt: off
BILLS = [
    # 7,247*3 + 699*15 = 32,226
    Bill("anthropic/claude-sonnet-4.5, plain", "openrouter", "anthropic/claude-sonnet-4.5", "2026-11-20",
         {"prompt_tokens": 7247, "completion_tokens": 699, "total_tokens": 7946}, "0.032226"),
    # 26,864*3 + 3,104*0.3 + 128*3.75 + 1,397*15 = 102,958.2
    Bill("anthropic/claude-sonnet-4.5, cached inside", "openrouter", "openrouter/anthropic/claude-sonnet-4.5",
         "2026-11-20", {"id": "gen-1", "model": "anthropic/claude-sonnet-4.5", "usage":
         {"prompt_tokens": 30_096, "completion_tokens": 1397, "total_tokens": 31_493, "prompt_tokens_details":
         {"cached_tokens": 3104, "cache_write_tokens": 128, "audio_tokens": 0}, "completion_tokens_details":
         {"reasoning_tokens": 90}, "is_byok": False}}, "0.1029582"),
    # 2,605*1 + 2,860*5 = 16,905
    Bill("anthropic/claude-haiku-4.5, plain", "openrouter", "anthropic/claude-haiku-4.5", "2026-11-20",
         {"prompt_tokens": 2605, "completion_tokens": 2860, "total_tokens": 5465}, "0.016905"),
    # 23,732*1 + 2,268*0.1 + 136*1.25 + 937*5 = 28,813.8
    Bill("anthropic/claude-haiku-4.5, cached inside", "openrouter", "openrouter/anthropic/claude-haiku-4.5",
         "2026-11-20", {"id": "gen-1", "model": "anthropic/claude-haiku-4.5", "usage": {"prompt_tokens": 26_136,
         "completion_tokens": 937, "total_tokens": 27_073, "prompt_tokens_details": {"cached_tokens": 2268,
         "cache_write_tokens": 136, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 708},
         "is_byok": False}}, "0.0288138"),
    # 8,229*2.5 + 369*10 = 24,262.5
    Bill("openai/gpt-4o, plain", "openrouter", "openai/gpt-4o", "2026-11-20", {"prompt_tokens": 8229,
         "completion_tokens": 369, "total_tokens": 8598}, "0.0242625"),
    # 32,248*2.5 + 1,840*1.25 + 2,905*10 = 111,970
    Bill("openai/gpt-4o, cached inside", "openrouter", "openrouter/openai/gpt-4o", "2026-11-20", {"id": "gen-1",
         "model": "openai/gpt-4o", "usage": {"prompt_tokens": 34_088, "completion_tokens": 2905,
         "total_tokens": 36_993, "prompt_tokens_details": {"cached_tokens": 1840, "cache_write_tokens": 0,
         "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 616}, "is_byok": False}},
         "0.11197"),
    # 2,745*2 + 2,626*8 = 26,498
    Bill("openai/gpt-4.1, plain", "openrouter", "openai/gpt-4.1", "2026-11-20", {"prompt_tokens": 2745,
         "completion_tokens": 2626, "total_tokens": 5371}, "0.026498"),
    # 17,368*2 + 3,496*0.5 + 2,796*8 = 58,852
    Bill("openai/gpt-4.1, cached inside", "openrouter", "openrouter/openai/gpt-4.1", "2026-11-20",
         {"id": "gen-1", "model": "openai/gpt-4.1", "usage": {"prompt_tokens": 20_864,
         "completion_tokens": 2796, "total_tokens": 23_660, "prompt_tokens_details": {"cached_tokens": 3496,
         "cache_write_tokens": 0, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 583},
         "is_byok": False}}, "0.058852"),
    # 6,757*0.25 + 1,845*2 = 5,379.25
    Bill("openai/gpt-5-mini, plain", "openrouter", "openai/gpt-5-mini", "2026-11-20", {"prompt_tokens": 6757,
         "completion_tokens": 1845, "total_tokens": 8602}, "0.00537925"),
    # 27,960*0.25 + 3,436*0.025 + 2,343*2 = 11,761.9
    Bill("openai/gpt-5-mini, cached inside", "openrouter", "openrouter/openai/gpt-5-mini", "2026-11-20",
         {"id": "gen-1", "model": "openai/gpt-5-mini", "usage": {"prompt_tokens": 31_396,
         "completion_tokens": 2343, "total_tokens": 33_739, "prompt_tokens_details": {"cached_tokens": 3436,
         "cache_write_tokens": 0, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 495},
         "is_byok": False}}, "0.0117619"),
    # 772*0.15 + 528*0.6 = 432.6
    Bill("openai/gpt-4o-mini, plain", "openrouter", "openai/gpt-4o-mini", "2026-11-20", {"prompt_tokens": 772,
         "completion_tokens": 528, "total_tokens": 1300}, "0.0004326"),
    # 27,104*0.15 + 3,544*0.075 + 1,671*0.6 = 5,334
    Bill("openai/gpt-4o-mini, cached inside", "openrouter", "openrouter/openai/gpt-4o-mini", "2026-11-20",
         {"id": "gen-1", "model": "openai/gpt-4o-mini", "usage": {"prompt_tokens": 30_648,
         "completion_tokens": 1671, "total_tokens": 32_319, "prompt_tokens_details": {"cached_tokens": 3544,
         "cache_write_tokens": 0, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 198},
         "is_byok": False}}, "0.005334"),
    # 1,000*3 + 100*15 = 4,500
    Bill("with dashes, as Anthropic writes it", "openai", "openrouter/anthropic/claude-sonnet-4-5",
         "2026-11-20", {"prompt_tokens": 1000, "completion_tokens": 100}, "0.0045"),
    # 1,000*5 + 2,000*6.25 + 6,000*10 + 100*25 = 80,000
    Bill("an hour by LiteLLM's names", "litellm", "openrouter/anthropic/claude-opus-4.5", "2026-11-20",
         {"prompt_tokens": 9000, "completion_tokens": 100, "cache_creation_input_tokens": 8000,
         "prompt_tokens_details": {"cached_tokens": 0, "cache_creation_token_details":
         {"ephemeral_5m_input_tokens": 2000, "ephemeral_1h_input_tokens": 6000}}}, "0.08"),
    # 0 = 0
    Bill("free", "openrouter", "meta-llama/llama-3.3-70b-instruct:free", "2026-11-20", {"prompt_tokens": 5000,
         "completion_tokens": 900, "cost": 0}, "0"),
    # 0 = 0
    Bill("free, though no book lists it", "openrouter", "acme/brand-new-model:free", "2026-11-20",
         {"prompt_tokens": 5000, "completion_tokens": 900}, "0"),
    # 10,000*0.05 + 1,000*0.24 = 740
    Bill("Llama on 2026-10-18", "openrouter", "meta-llama/llama-3.3-70b-instruct", "2026-10-18",
         {"prompt_tokens": 10_000, "completion_tokens": 1000, "total_tokens": 11_000}, "0.00074"),
    # 10,000*0.1 + 1,000*0.32 = 1,320
    Bill("Llama on 2026-10-19", "openrouter", "meta-llama/llama-3.3-70b-instruct", "2026-10-19",
         {"prompt_tokens": 10_000, "completion_tokens": 1000, "total_tokens": 11_000}, "0.00132"),
    # 10,000*0.45 + 1,000*0.9 = 5,400
    Bill("Llama on 2026-11-03", "openrouter", "meta-llama/llama-3.3-70b-instruct", "2026-11-03",
         {"prompt_tokens": 10_000, "completion_tokens": 1000, "total_tokens": 11_000}, "0.0054"),
    # 10,000*0.59 + 1,000*0.79 = 6,690
    Bill("Llama on 2026-11-09", "openrouter", "meta-llama/llama-3.3-70b-instruct", "2026-11-09",
         {"prompt_tokens": 10_000, "completion_tokens": 1000, "total_tokens": 11_000}, "0.00669"),
    # 4,000*0.5 + 300*2.5 = 2,750
    Bill("the batch variant", "openrouter", "anthropic/claude-haiku-4.5:batch", "2026-11-20",
         {"prompt_tokens": 4000, "completion_tokens": 300, "total_tokens": 4300}, "0.00275"),
    # 4,000*3 + 300*15 = 16,500
    Bill("by the dated name", "openrouter", "anthropic/claude-4.5-sonnet-20250929", "2026-11-20",
         {"prompt_tokens": 4000, "completion_tokens": 300, "total_tokens": 4300}, "0.0165"),
    # 4,000*2 + 300*8 = 10,400
    Bill("through a gateway of one's own", "litellm_proxy", "litellm_proxy/openrouter/openai/gpt-4.1",
         "2026-11-20", {"prompt_tokens": 4000, "completion_tokens": 300}, "0.0104"),
    # 10,000*1.25 + 50,000*0.31 + 800*10 = 36,000
    Bill("Gemini 2.5 Pro, cached, on 2026-10-18", "openrouter", "google/gemini-2.5-pro", "2026-10-18",
         {"prompt_tokens": 60_000, "completion_tokens": 800, "total_tokens": 60_800, "prompt_tokens_details":
         {"cached_tokens": 50_000}}, "0.036"),
    # 10,000*1.25 + 50,000*0.125 + 800*10 = 26,750
    Bill("Gemini 2.5 Pro, cached, on 2026-10-19", "openrouter", "google/gemini-2.5-pro", "2026-10-19",
         {"prompt_tokens": 60_000, "completion_tokens": 800, "total_tokens": 60_800, "prompt_tokens_details":
         {"cached_tokens": 50_000}}, "0.02675"),
    # 200,001*2.5 + 800*15 = 512,002.5
    Bill("Gemini 2.5 Pro, long", "openrouter", "google/gemini-2.5-pro", "2026-11-20", {"prompt_tokens": 200_001,
         "completion_tokens": 800}, "0.5120025"),
    # 900*0.45 + 4,000*2.15 = 9,005
    Bill("DeepSeek R1 on 2026-10-18", "openrouter", "deepseek/deepseek-r1", "2026-10-18", {"prompt_tokens": 900,
         "completion_tokens": 4000, "completion_tokens_details": {"reasoning_tokens": 3500}}, "0.009005"),
    # 900*0.7 + 4,000*2.5 = 10,630
    Bill("DeepSeek R1 on 2026-10-19", "openrouter", "deepseek/deepseek-r1", "2026-10-19", {"prompt_tokens": 900,
         "completion_tokens": 4000, "completion_tokens_details": {"reasoning_tokens": 3500}}, "0.01063"),
    # 2,000*2 + 7,000*0.2 + 500*6 = 8,400
    Bill("Mistral Large, cached", "openrouter", "mistralai/mistral-large", "2026-11-20", {"prompt_tokens": 9000,
         "completion_tokens": 500, "prompt_tokens_details": {"cached_tokens": 7000}}, "0.0084"),
    # 60,000*6 + 150,000*0.6 + 500*22.5 = 461,250
    Bill("a long prompt of Sonnet 4.5", "openrouter", "anthropic/claude-sonnet-4.5", "2026-11-20",
         {"prompt_tokens": 210_000, "completion_tokens": 500, "prompt_tokens_details":
         {"cached_tokens": 150_000}}, "0.46125"),
    # 9,000*1 + 500*5 + 2*10,000 = 31,500
    Bill("searches of Claude", "openrouter", "anthropic/claude-haiku-4.5", "2026-11-20", {"prompt_tokens": 9000,
         "completion_tokens": 500, "server_tool_use": {"web_search_requests": 2}}, "0.0315"),
    # 30,375,190*0.25 + 17,524,324*2 = 42,642,445.5
    Bill("openai/gpt-5-mini, tens of millions", "openrouter", "openai/gpt-5-mini", "2026-11-20",
         {"prompt_tokens": 30_375_190, "completion_tokens": 17_524_324, "total_tokens": 47_899_514},
         "42.6424455"),
    # 15,099,703*0.15 + 19,682,405*0.6 = 14,074,398.45
    Bill("openai/gpt-4o-mini, tens of millions", "openrouter", "openai/gpt-4o-mini", "2026-11-20",
         {"prompt_tokens": 15_099_703, "completion_tokens": 19_682_405, "total_tokens": 34_782_108},
         "14.07439845"),
    # 16,726,895*2.5 + 12,207,288*10 = 163,890,117.5
    Bill("openai/gpt-4o, tens of millions", "openrouter", "openai/gpt-4o", "2026-11-20",
         {"prompt_tokens": 16_726_895, "completion_tokens": 12_207_288, "total_tokens": 28_934_183},
         "163.8901175"),
]
# fmt: on

"""Answers of those who speak like OpenAI, and what each costs: worked out from published prices in the line above it.

Dollars for a million tokens: input, output, read from a cache.

    deepseek-chat     0.27  1.1   0.07     from 16:30 to 0:30 UTC half; deepseek-reasoner 0.55  2.19
    mistral-large     2     6              mistral-small 0.15  0.6  0.015;  mistral-medium 1.5  7.5;  batch half
    llama-3.3-70b     0.59  0.79           at Groq; gpt-oss-120b there 0.15  0.6  0.075
    grok-4            3     15    0.75     grok-3-mini 0.3  0.5  0.075; thoughts beside the completion
    sonar             1     1              a request: 0.012
    sonar-deep-research 2   8              thoughts 3, citations 2, a search 0.005
    command-r-plus    2.5   10             Llama 3.3 70B Turbo at Together 0.88  0.88
    kimi-k3           3     15    0.3      at Fireworks and Moonshot

The comment counts millionths of a dollar: tokens times dollars for a million.
"""

from tests.core.usage.bills.bill import Bill

# fmt: off
BILLS = [
    # 2,000*0.27 + 2,800*0.07 + 120*1.1 = 868
    Bill("DeepSeek at 12:00, 2,800 hit", "deepseek", "deepseek-chat", "2026-03-01", {"prompt_tokens": 4800,
         "completion_tokens": 120, "total_tokens": 4920, "prompt_cache_hit_tokens": 2800,
         "prompt_cache_miss_tokens": 2000, "prompt_tokens_details": {"cached_tokens": 2800}}, "0.000868"),
    # 2,200*0.27 + 13,800*0.07 + 540*1.1 = 2,154
    Bill("DeepSeek at 12:00, 13,800 hit", "deepseek", "deepseek-chat", "2026-03-01", {"prompt_tokens": 16_000,
         "completion_tokens": 540, "total_tokens": 16_540, "prompt_cache_hit_tokens": 13_800,
         "prompt_cache_miss_tokens": 2200, "prompt_tokens_details": {"cached_tokens": 13_800}}, "0.002154"),
    # 3,600*0.135 + 7,400*0.035 + 760*0.55 = 1,163
    Bill("DeepSeek at 20:00, 7,400 hit", "deepseek", "deepseek-chat", "2026-03-01T20:00",
         {"prompt_tokens": 11_000, "completion_tokens": 760, "total_tokens": 11_760,
         "prompt_cache_hit_tokens": 7400, "prompt_cache_miss_tokens": 3600, "prompt_tokens_details":
         {"cached_tokens": 7400}}, "0.001163"),
    # 2,000*0.135 + 12,800*0.035 + 1,160*0.55 = 1,356
    Bill("DeepSeek at 20:00, 12,800 hit", "deepseek", "deepseek-chat", "2026-03-01T20:00",
         {"prompt_tokens": 14_800, "completion_tokens": 1160, "total_tokens": 15_960,
         "prompt_cache_hit_tokens": 12_800, "prompt_cache_miss_tokens": 2000, "prompt_tokens_details":
         {"cached_tokens": 12_800}}, "0.001356"),
    # 1,000*0.55 + 900*2.19 = 2,521
    Bill("thoughts of DeepSeek", "deepseek", "deepseek-reasoner", "2026-03-01", {"prompt_tokens": 1000,
         "completion_tokens": 900, "total_tokens": 1900, "prompt_cache_hit_tokens": 0,
         "prompt_cache_miss_tokens": 1000, "completion_tokens_details": {"reasoning_tokens": 700}}, "0.002521"),
    # 3,302*2 + 2,909*6 = 24,058
    Bill("mistral-large-latest by mistral_ai", "mistral_ai", "mistral-large-latest", "2026-11-20", {"id": "m-1",
         "model": "mistral-large-latest", "usage": {"prompt_tokens": 3302, "completion_tokens": 2909,
         "total_tokens": 6211}}, "0.024058"),
    # 4,892*2 + 182*6 = 10,876
    Bill("mistral/mistral-large-latest by litellm", "litellm", "mistral/mistral-large-latest", "2026-11-20",
         {"id": "m-1", "model": "mistral-large-latest", "usage": {"prompt_tokens": 4892,
         "completion_tokens": 182, "total_tokens": 5074}}, "0.010876"),
    # 5,452*0.15 + 1,703*0.6 = 1,839.6
    Bill("mistral-small-latest by mistral_ai", "mistral_ai", "mistral-small-latest", "2026-11-20", {"id": "m-1",
         "model": "mistral-small-latest", "usage": {"prompt_tokens": 5452, "completion_tokens": 1703,
         "total_tokens": 7155}}, "0.0018396"),
    # 1,522*0.15 + 1,479*0.6 = 1,115.7
    Bill("mistral/mistral-small-latest by litellm", "litellm", "mistral/mistral-small-latest", "2026-11-20",
         {"id": "m-1", "model": "mistral-small-latest", "usage": {"prompt_tokens": 1522,
         "completion_tokens": 1479, "total_tokens": 3001}}, "0.0011157"),
    # 817*1.5 + 474*7.5 = 4,780.5
    Bill("mistral-medium-latest by mistral_ai", "mistral_ai", "mistral-medium-latest", "2026-11-20",
         {"id": "m-1", "model": "mistral-medium-latest", "usage": {"prompt_tokens": 817,
         "completion_tokens": 474, "total_tokens": 1291}}, "0.0047805"),
    # 4,795*1.5 + 2,990*7.5 = 29,617.5
    Bill("mistral/mistral-medium-latest by litellm", "litellm", "mistral/mistral-medium-latest", "2026-11-20",
         {"id": "m-1", "model": "mistral-medium-latest", "usage": {"prompt_tokens": 4795,
         "completion_tokens": 2990, "total_tokens": 7785}}, "0.0296175"),
    # 1,000*0.15 + 2,000*0.015 + 10*0.6 = 186
    Bill("Mistral, cached", "mistral", "mistral-small-latest", "2026-11-20", {"prompt_tokens": 3000,
         "completion_tokens": 10, "total_tokens": 3010, "num_cached_tokens": 2000, "prompt_audio_seconds": 0},
         "0.000186"),
    # 3,000*1 + 10*3 = 3,030
    Bill("Mistral, a batch of January", "mistral", "mistral-large-latest", "2026-01-20", {"prompt_tokens": 3000,
         "completion_tokens": 10, "total_tokens": 3010}, "0.00303", {"batch": True}),
    # 8,873*0.59 + 2,156*0.79 = 6,938.31
    Bill("Groq, llama-3.3-70b-versatile", "groq", "groq/llama-3.3-70b-versatile", "2026-11-20", {"usage":
         {"queue_time": 0.05, "prompt_tokens": 8873, "prompt_time": 0.01, "completion_tokens": 2156,
         "completion_time": 0.3, "total_tokens": 11_029, "total_time": 0.31}, "service_tier": "on_demand"},
         "0.00693831"),
    # 8,110*0.59 + 2,005*0.79 = 6,368.85
    Bill("Groq, the last piece of a stream, llama-3.3-70b-versatile", "groq", "llama-3.3-70b-versatile",
         "2026-11-20", {"choices": [], "x_groq": {"id": "req_1", "usage": {"prompt_tokens": 8110,
         "completion_tokens": 2005, "total_tokens": 10_115}}}, "0.00636885"),
    # 6,075*0.15 + 2,571*0.6 = 2,453.85
    Bill("Groq, openai/gpt-oss-120b", "groq", "groq/openai/gpt-oss-120b", "2026-11-20", {"usage":
         {"queue_time": 0.05, "prompt_tokens": 6075, "prompt_time": 0.01, "completion_tokens": 2571,
         "completion_time": 0.3, "total_tokens": 8646, "total_time": 0.31}, "service_tier": "on_demand"},
         "0.00245385"),
    # 2,058*0.15 + 1,623*0.6 = 1,282.5
    Bill("Groq, the last piece of a stream, openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b", "2026-11-20",
         {"choices": [], "x_groq": {"id": "req_1", "usage": {"prompt_tokens": 2058, "completion_tokens": 1623,
         "total_tokens": 3681}}}, "0.0012825"),
    # 1,000*0.15 + 3,000*0.075 + 100*0.6 = 435
    Bill("Groq, cached", "groq", "openai/gpt-oss-120b", "2026-11-20", {"prompt_tokens": 4000,
         "completion_tokens": 100, "total_tokens": 4100, "prompt_tokens_details": {"cached_tokens": 3000}},
         "0.000435"),
    # 1,000*0.59 + 100*0.79 = 669
    Bill("Groq, flex costs what on-demand costs", "groq", "llama-3.3-70b-versatile", "2026-11-20",
         {"service_tier": "flex", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}, "0.000669"),
    # 4,000*3 + 1,200*0.75 + 923*15 = 26,745
    Bill("grok-4 by x_ai, thoughts beside", "x_ai", "grok-4", "2026-11-20", {"prompt_tokens": 5200,
         "completion_tokens": 769, "total_tokens": 6123, "prompt_tokens_details": {"text_tokens": 5200,
         "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 1200}, "completion_tokens_details":
         {"reasoning_tokens": 154, "audio_tokens": 0}, "num_sources_used": 0}, "0.026745"),
    # 28,800*3 + 1,600*0.75 + 953*15 = 101,895
    Bill("grok-4 by xai, thoughts beside", "xai", "grok-4", "2026-11-20", {"prompt_tokens": 30_400,
         "completion_tokens": 656, "total_tokens": 31_353, "prompt_tokens_details": {"text_tokens": 30_400,
         "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 1600}, "completion_tokens_details":
         {"reasoning_tokens": 297, "audio_tokens": 0}, "num_sources_used": 0}, "0.101895"),
    # 14,800*0.3 + 3,200*0.075 + 1,147*0.5 = 5,253.5
    Bill("grok-3-mini by x_ai, thoughts beside", "x_ai", "grok-3-mini", "2026-11-20", {"prompt_tokens": 18_000,
         "completion_tokens": 883, "total_tokens": 19_147, "prompt_tokens_details": {"text_tokens": 18_000,
         "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 3200}, "completion_tokens_details":
         {"reasoning_tokens": 264, "audio_tokens": 0}, "num_sources_used": 0}, "0.0052535"),
    # 6,800*0.3 + 800*0.075 + 294*0.5 = 2,247
    Bill("grok-3-mini by xai, thoughts beside", "xai", "grok-3-mini", "2026-11-20", {"prompt_tokens": 7600,
         "completion_tokens": 110, "total_tokens": 7894, "prompt_tokens_details": {"text_tokens": 7600,
         "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 800}, "completion_tokens_details":
         {"reasoning_tokens": 184, "audio_tokens": 0}, "num_sources_used": 0}, "0.002247"),
    # 14*1 + 300*1 + 1*12,000 = 12,314
    Bill("Perplexity has a fee for each request", "perplexity", "sonar", "2026-11-20", {"prompt_tokens": 14,
         "completion_tokens": 300, "total_tokens": 314, "search_context_size": "high"}, "0.012314"),
    # 33*2 + 7,163*8 + 20,100*2 + 73,991*3 + 18*5,000 = 409,543
    Bill("Perplexity's research", "pplx", "sonar-deep-research", "2026-11-20", {"prompt_tokens": 33,
         "completion_tokens": 7163, "total_tokens": 7196, "citation_tokens": 20_100, "num_search_queries": 18,
         "reasoning_tokens": 73_991}, "0.409543"),
    # 17*2.5 + 12*10 = 162.5
    Bill("Cohere's billed units", "cohere_chat", "command-r-plus", "2026-11-20", {"usage": {"billed_units":
         {"input_tokens": 17.0, "output_tokens": 12.0}, "tokens": {"input_tokens": 215.0,
         "output_tokens": 12.0}}}, "0.0001625"),
    # 700*0.88 + 30*0.88 = 642.4
    Bill("Together", "together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "2026-11-20",
         {"prompt_tokens": 700, "completion_tokens": 30, "total_tokens": 730, "cached_tokens": 0}, "0.0006424"),
    # 1,000*3 + 8,000*0.3 + 30*15 = 5,850
    Bill("Fireworks", "fireworks_ai", "fireworks_ai/accounts/fireworks/models/kimi-k3", "2026-11-20",
         {"prompt_tokens": 9000, "completion_tokens": 30, "total_tokens": 9030, "prompt_tokens_details":
         {"cached_tokens": 8000}}, "0.00585"),
    # 1,000*3 + 8,000*0.3 + 30*15 = 5,850
    Bill("Moonshot counts at the top", "moonshot", "kimi-k3", "2026-11-20", {"prompt_tokens": 9000,
         "completion_tokens": 30, "total_tokens": 9030, "cached_tokens": 8000}, "0.00585"),
]
# fmt: on

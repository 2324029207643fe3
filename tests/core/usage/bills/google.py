"""Answers of Google, and what each costs: worked out from published prices in the line above it.

Dollars for a million tokens: input, output, read from a cache. Thoughts are output and beside the candidates.

    gemini-2.5-pro           1.25  10    0.125    over 200,000: 2.5  15  0.25;  batch 0.625  5
    gemini-2.5-flash         0.3   2.5   0.03     audio 1, 0.1 from the cache; batch 0.15  1.25, reads as ever
    gemini-2.5-flash-lite    0.1   0.4   0.01     a grounded prompt of Gemini 2.5: 0.035
    gemini-3.1-pro-preview   2     12    0.2      a query of Gemini 3: 0.014
    gemini-3.8-flash         0.75  3.75  0.075    flex half, priority 1.8 times
    gemini-2.5-flash-image   0.3   2.5            a picture out: 30
    gemini-4-argon           2     10    0.1      from 1 December 2026 twice that
    gemini-embedding-001     0.15

The comment counts millionths of a dollar: tokens times dollars for a million.
"""

from tests.core.usage.bills.bill import Bill

# fmt: off
BILLS = [
    # 1,189*1.25 + 2,068*10 = 22,166.25
    Bill("gemini-2.5-pro, plain", "google", "gemini-2.5-pro", "2026-11-20", {"promptTokenCount": 1189,
         "candidatesTokenCount": 2068, "totalTokenCount": 3257}, "0.02216625"),
    # 8,667*1.25 + 3,880*10 = 49,633.75
    Bill("gemini-2.5-pro, thoughts beside", "gcp.gemini", "models/gemini-2.5-pro", "2026-11-20",
         {"responseId": "r-1", "modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 8667,
         "candidatesTokenCount": 2306, "thoughtsTokenCount": 1574, "totalTokenCount": 12_547,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8667}]}}, "0.04963375"),
    # 42,154*1.25 + 18,789*0.125 + 733*10 = 62,371.125
    Bill("gemini-2.5-pro, cached inside", "vertex_ai", "gemini-2.5-pro", "2026-11-20",
         {"prompt_token_count": 60_943, "cached_content_token_count": 18_789, "candidates_token_count": 733,
         "total_token_count": 61_676, "traffic_type": "ON_DEMAND"}, "0.062371125"),
    # 578*0.3 + 1,494*2.5 = 3,908.4
    Bill("gemini-2.5-flash, plain", "google", "gemini-2.5-flash", "2026-11-20", {"promptTokenCount": 578,
         "candidatesTokenCount": 1494, "totalTokenCount": 2072}, "0.0039084"),
    # 8,024*0.3 + 6,390*2.5 = 18,382.2
    Bill("gemini-2.5-flash, thoughts beside", "gcp.gemini", "models/gemini-2.5-flash", "2026-11-20",
         {"responseId": "r-1", "modelVersion": "gemini-2.5-flash", "usageMetadata": {"promptTokenCount": 8024,
         "candidatesTokenCount": 2659, "thoughtsTokenCount": 3731, "totalTokenCount": 14_414,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8024}]}}, "0.0183822"),
    # 55,317*0.3 + 20,213*0.03 + 572*2.5 = 18,631.49
    Bill("gemini-2.5-flash, cached inside", "vertex_ai", "gemini-2.5-flash", "2026-11-20",
         {"prompt_token_count": 75_530, "cached_content_token_count": 20_213, "candidates_token_count": 572,
         "total_token_count": 76_102, "traffic_type": "ON_DEMAND"}, "0.01863149"),
    # 7,283*0.1 + 1,460*0.4 = 1,312.3
    Bill("gemini-2.5-flash-lite, plain", "google", "gemini-2.5-flash-lite", "2026-11-20",
         {"promptTokenCount": 7283, "candidatesTokenCount": 1460, "totalTokenCount": 8743}, "0.0013123"),
    # 7,359*0.1 + 4,829*0.4 = 2,667.5
    Bill("gemini-2.5-flash-lite, thoughts beside", "gcp.gemini", "models/gemini-2.5-flash-lite", "2026-11-20",
         {"responseId": "r-1", "modelVersion": "gemini-2.5-flash-lite", "usageMetadata":
         {"promptTokenCount": 7359, "candidatesTokenCount": 1661, "thoughtsTokenCount": 3168,
         "totalTokenCount": 12_188, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7359}]}},
         "0.0026675"),
    # 26,579*0.1 + 18,259*0.01 + 895*0.4 = 3,198.49
    Bill("gemini-2.5-flash-lite, cached inside", "vertex_ai", "gemini-2.5-flash-lite", "2026-11-20",
         {"prompt_token_count": 44_838, "cached_content_token_count": 18_259, "candidates_token_count": 895,
         "total_token_count": 45_733, "traffic_type": "ON_DEMAND"}, "0.00319849"),
    # 5,887*2 + 2,734*12 = 44,582
    Bill("gemini-3.1-pro-preview, plain", "google", "gemini-3.1-pro-preview", "2026-11-20",
         {"promptTokenCount": 5887, "candidatesTokenCount": 2734, "totalTokenCount": 8621}, "0.044582"),
    # 4,226*2 + 3,582*12 = 51,436
    Bill("gemini-3.1-pro-preview, thoughts beside", "gcp.gemini", "models/gemini-3.1-pro-preview", "2026-11-20",
         {"responseId": "r-1", "modelVersion": "gemini-3.1-pro-preview", "usageMetadata":
         {"promptTokenCount": 4226, "candidatesTokenCount": 2433, "thoughtsTokenCount": 1149,
         "totalTokenCount": 7808, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4226}]}},
         "0.051436"),
    # 26,137*2 + 20,608*0.2 + 829*12 = 66,343.6
    Bill("gemini-3.1-pro-preview, cached inside", "vertex_ai", "gemini-3.1-pro-preview", "2026-11-20",
         {"prompt_token_count": 46_745, "cached_content_token_count": 20_608, "candidates_token_count": 829,
         "total_token_count": 47_574, "traffic_type": "ON_DEMAND"}, "0.0663436"),
    # 8,017*0.75 + 2,568*3.75 = 15,642.75
    Bill("gemini-3.8-flash, plain", "google", "gemini-3.8-flash", "2026-11-20", {"promptTokenCount": 8017,
         "candidatesTokenCount": 2568, "totalTokenCount": 10_585}, "0.01564275"),
    # 5,141*0.75 + 4,744*3.75 = 21,645.75
    Bill("gemini-3.8-flash, thoughts beside", "gcp.gemini", "models/gemini-3.8-flash", "2026-11-20",
         {"responseId": "r-1", "modelVersion": "gemini-3.8-flash", "usageMetadata": {"promptTokenCount": 5141,
         "candidatesTokenCount": 1272, "thoughtsTokenCount": 3472, "totalTokenCount": 9885,
         "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5141}]}}, "0.02164575"),
    # 68,941*0.75 + 10,471*0.075 + 500*3.75 = 54,366.075
    Bill("gemini-3.8-flash, cached inside", "vertex_ai", "gemini-3.8-flash", "2026-11-20",
         {"prompt_token_count": 79_412, "cached_content_token_count": 10_471, "candidates_token_count": 500,
         "total_token_count": 79_912, "traffic_type": "ON_DEMAND"}, "0.054366075"),
    # 130,000*2.5 + 120,000*0.25 + 4,000*15 = 415,000
    Bill("a long prompt", "google", "gemini-2.5-pro", "2026-11-20", {"promptTokenCount": 250_000,
         "cachedContentTokenCount": 120_000, "candidatesTokenCount": 1500, "thoughtsTokenCount": 2500},
         "0.415"),
    # 200,000*1.25 + 10*10 = 250,100
    Bill("just not a long prompt", "google", "gemini-2.5-pro", "2026-11-20", {"promptTokenCount": 200_000,
         "candidatesTokenCount": 10}, "0.2501"),
    # 50*0.3 + 3,200*1 + 90*2.5 = 3,440
    Bill("audio in", "google", "gemini-2.5-flash", "2026-11-20", {"promptTokenCount": 3250,
         "candidatesTokenCount": 90, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 3200},
         {"modality": "TEXT", "tokenCount": 50}]}, "0.00344"),
    # 500*0.3 + 500*1 + 1,500*0.03 + 6,500*0.1 + 90*2.5 = 1,570
    Bill("audio in the cache", "google", "gemini-2.5-flash", "2026-11-20", {"promptTokenCount": 9000,
         "cachedContentTokenCount": 8000, "candidatesTokenCount": 90, "promptTokensDetails":
         [{"modality": "AUDIO", "tokenCount": 7000}, {"modality": "TEXT", "tokenCount": 2000}],
         "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 6500}, {"modality": "TEXT",
         "tokenCount": 1500}]}, "0.00157"),
    # 2,000*0.3 + 100*2.5 = 850
    Bill("pictures and video cost what text costs", "google", "gemini-2.5-flash", "2026-11-20",
         {"promptTokenCount": 2000, "candidatesTokenCount": 100, "promptTokensDetails": [{"modality": "IMAGE",
         "tokenCount": 516}, {"modality": "VIDEO", "tokenCount": 1400}, {"modality": "TEXT",
         "tokenCount": 84}]}, "0.00085"),
    # 40*0.3 + 10*2.5 + 1,290*30 = 38,737
    Bill("a picture out", "google", "gemini-2.5-flash-image", "2026-11-20", {"promptTokenCount": 40,
         "candidatesTokenCount": 1300, "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]},
         "0.038737"),
    # 2,000*0.3 + 160*2.5 = 1,000
    Bill("prompts of tools beside", "google", "gemini-2.5-flash", "2026-11-20", {"promptTokenCount": 200,
         "toolUsePromptTokenCount": 1800, "candidatesTokenCount": 100, "thoughtsTokenCount": 60}, "0.001"),
    # 30*0.3 + 500*2.5 + 1*35,000 = 36,259
    Bill("a grounded prompt of Gemini 2.5 pays once", "google", "gemini-2.5-flash", "2026-11-20",
         {"modelVersion": "gemini-2.5-flash", "candidates": [{"groundingMetadata": {"webSearchQueries": ["a",
         "b", "c"]}}], "usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 500}}, "0.036259"),
    # 30*2 + 500*12 + 3*14,000 = 48,060
    Bill("Gemini 3 pays each query", "google", "gemini-3.1-pro-preview", "2026-11-20",
         {"modelVersion": "gemini-3.1-pro-preview", "candidates": [{"groundingMetadata": {"webSearchQueries":
         ["a", "b", "c"]}}], "usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 500}},
         "0.04806"),
    # 600*0.15 + 400*0.03 + 500*1.25 = 727
    Bill("a batch", "google", "gemini-2.5-flash", "2026-11-20", {"promptTokenCount": 1000,
         "cachedContentTokenCount": 400, "candidatesTokenCount": 500}, "0.000727", {"batch": True}),
    # 1,000*0.625 + 500*5 = 3,125
    Bill("a batch of last winter", "google", "gemini-2.5-pro", "2026-01-20", {"promptTokenCount": 1000,
         "candidatesTokenCount": 500}, "0.003125", {"batch": True}),
    # 2,000*0.375 + 400*1.875 = 1,500
    Bill("flex", "google", "gemini-3.8-flash", "2026-11-20", {"usageMetadata": {"promptTokenCount": 2000,
         "candidatesTokenCount": 400, "serviceTier": "flex"}}, "0.0015"),
    # 2,000*1.35 + 400*6.75 = 5,400
    Bill("priority on Vertex", "gcp.vertex_ai", "gemini-3.8-flash", "2026-11-20", {"promptTokenCount": 2000,
         "candidatesTokenCount": 400, "trafficType": "ON_DEMAND_PRIORITY"}, "0.0054"),
    # 1,000*2 + 100*10 = 3,000
    Bill("the last day of a first price", "google", "gemini-4-argon", "2026-11-30", {"promptTokenCount": 1000,
         "candidatesTokenCount": 100}, "0.003"),
    # 1,000*4 + 100*20 = 6,000
    Bill("the first day of the next price", "google", "gemini-4-argon", "2026-12-01", {"promptTokenCount": 1000,
         "candidatesTokenCount": 100}, "0.006"),
    # 100*0.3 + 40*2.5 = 130
    Bill("live", "google", "gemini-2.5-flash", "2026-11-20", {"promptTokenCount": 100, "responseTokenCount": 40,
         "totalTokenCount": 140}, "0.00013"),
    # 2,048*0.15 = 307.2
    Bill("embeddings", "google", "gemini-embedding-001", "2026-11-20", {"promptTokenCount": 2048}, "0.0003072"),
    # 7,477*1.25 + 3,999*10 = 49,336.25
    Bill("thoughts in the total alone, at the endpoint that speaks like OpenAI", "gemini", "gemini-2.5-pro",
         "2026-11-20", {"model": "gemini-2.5-pro", "usage": {"prompt_tokens": 7477, "completion_tokens": 2060,
         "total_tokens": 11_476}}, "0.04933625"),
    # 100*1 + 5,000*2 + 20*5 = 10,200
    Bill("Claude on Vertex", "vertex_ai", "vertex_ai/claude-haiku-4-5@20251001", "2026-11-20",
         {"input_tokens": 100, "output_tokens": 20, "cache_creation_input_tokens": 5000, "cache_creation":
         {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5000}}, "0.0102"),
]
# fmt: on

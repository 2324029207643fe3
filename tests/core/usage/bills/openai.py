"""Answers of OpenAI, and what each costs: worked out from published prices in the line above it.

Dollars for a million tokens: input, output, read from a cache. Batch and flex: half. A search: 0.01.

    gpt-5         1.25   10   0.125    priority 2.5   20   0.25
    gpt-5-mini    0.25    2   0.025    priority 0.45  3.6  0.045
    gpt-5-nano    0.05  0.4   0.005
    gpt-4o        2.5    10   1.25     priority 4.25  17   2.125    its batch has no price of reads
    gpt-4.1, o3   2       8   0.5      priority of gpt-4.1 3.5  14  0.875
    o4-mini       1.1   4.4   0.275
    gpt-5.4       2.5    15   0.25     over 272,000: 5  22.5  0.5
    gpt-5.6-sol   4      20   0.4      written: 5
    gpt-audio     2.5    10            audio 32 in, 64 out
    gpt-realtime  4      16   0.4      audio 32 in, 64 out, 0.4 from the cache
    gpt-4o-transcribe 2.5 10           audio 6;  gpt-image-1: text 5, image 10 in, 40 out
    text-embedding-3-small 0.02, -large 0.13

The comment counts millionths of a dollar: tokens times dollars for a million.
"""

from tests.core.usage.bills.bill import Bill

# fmt: off
BILLS = [
    # 1,926*1.25 + 1,024*0.125 + 1,403*10 = 16,565.5
    Bill("gpt-5, chat", "openai", "gpt-5", "2026-11-20", {"id": "chatcmpl-gpt-5", "model": "gpt-5", "usage":
         {"prompt_tokens": 2950, "completion_tokens": 1403, "total_tokens": 4353, "prompt_tokens_details":
         {"cached_tokens": 1024, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0,
         "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
         "service_tier": "default"}, "0.0165655"),
    # 4,343*1.25 + 2,166*0.125 + 1,560*10 = 21,299.5
    Bill("gpt-5, responses with thoughts", "openai", "gpt-5", "2026-11-20", {"input_tokens": 6509,
         "input_tokens_details": {"cached_tokens": 2166}, "output_tokens": 1560, "output_tokens_details":
         {"reasoning_tokens": 507}, "total_tokens": 8069}, "0.0212995"),
    # 5,079*0.25 + 1,536*0.025 + 594*2 = 2,496.15
    Bill("gpt-5-mini, chat", "openai", "gpt-5-mini", "2026-11-20", {"id": "chatcmpl-gpt-5-mini",
         "model": "gpt-5-mini", "usage": {"prompt_tokens": 6615, "completion_tokens": 594, "total_tokens": 7209,
         "prompt_tokens_details": {"cached_tokens": 1536, "audio_tokens": 0}, "completion_tokens_details":
         {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
         "rejected_prediction_tokens": 0}}, "service_tier": "default"}, "0.00249615"),
    # 3,885*0.25 + 1,519*0.025 + 1,261*2 = 3,531.225
    Bill("gpt-5-mini, responses with thoughts", "openai", "gpt-5-mini", "2026-11-20", {"input_tokens": 5404,
         "input_tokens_details": {"cached_tokens": 1519}, "output_tokens": 1261, "output_tokens_details":
         {"reasoning_tokens": 440}, "total_tokens": 6665}, "0.003531225"),
    # 7,420*0.05 + 1,024*0.005 + 1,094*0.4 = 813.72
    Bill("gpt-5-nano, chat", "openai", "gpt-5-nano", "2026-11-20", {"id": "chatcmpl-gpt-5-nano",
         "model": "gpt-5-nano", "usage": {"prompt_tokens": 8444, "completion_tokens": 1094,
         "total_tokens": 9538, "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
         "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
         "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}, "service_tier": "default"},
         "0.00081372"),
    # 5,308*0.05 + 2,453*0.005 + 1,241*0.4 = 774.065
    Bill("gpt-5-nano, responses with thoughts", "openai", "gpt-5-nano", "2026-11-20", {"input_tokens": 7761,
         "input_tokens_details": {"cached_tokens": 2453}, "output_tokens": 1241, "output_tokens_details":
         {"reasoning_tokens": 316}, "total_tokens": 9002}, "0.000774065"),
    # 3,293*2.5 + 1,536*1.25 + 1,185*10 = 22,002.5
    Bill("gpt-4o, chat", "openai", "gpt-4o", "2026-11-20", {"id": "chatcmpl-gpt-4o", "model": "gpt-4o", "usage":
         {"prompt_tokens": 4829, "completion_tokens": 1185, "total_tokens": 6014, "prompt_tokens_details":
         {"cached_tokens": 1536, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0,
         "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
         "service_tier": "default"}, "0.0220025"),
    # 5,996*2.5 + 2,065*1.25 + 1,339*10 = 30,961.25
    Bill("gpt-4o, responses with thoughts", "openai", "gpt-4o", "2026-11-20", {"input_tokens": 8061,
         "input_tokens_details": {"cached_tokens": 2065}, "output_tokens": 1339, "output_tokens_details":
         {"reasoning_tokens": 494}, "total_tokens": 9400}, "0.03096125"),
    # 2,817*2 + 1,536*0.5 + 977*8 = 14,218
    Bill("gpt-4.1, chat", "openai", "gpt-4.1", "2026-11-20", {"id": "chatcmpl-gpt-4.1", "model": "gpt-4.1",
         "usage": {"prompt_tokens": 4353, "completion_tokens": 977, "total_tokens": 5330,
         "prompt_tokens_details": {"cached_tokens": 1536, "audio_tokens": 0}, "completion_tokens_details":
         {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
         "rejected_prediction_tokens": 0}}, "service_tier": "default"}, "0.014218"),
    # 2,340*2 + 1,912*0.5 + 1,635*8 = 18,716
    Bill("gpt-4.1, responses with thoughts", "openai", "gpt-4.1", "2026-11-20", {"input_tokens": 4252,
         "input_tokens_details": {"cached_tokens": 1912}, "output_tokens": 1635, "output_tokens_details":
         {"reasoning_tokens": 543}, "total_tokens": 5887}, "0.018716"),
    # 7,521*2 + 1,024*0.5 + 613*8 = 20,458
    Bill("o3, chat", "openai", "o3", "2026-11-20", {"id": "chatcmpl-o3", "model": "o3", "usage":
         {"prompt_tokens": 8545, "completion_tokens": 613, "total_tokens": 9158, "prompt_tokens_details":
         {"cached_tokens": 1024, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0,
         "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
         "service_tier": "default"}, "0.020458"),
    # 7,700*2 + 1,208*0.5 + 919*8 = 23,356
    Bill("o3, responses with thoughts", "openai", "o3", "2026-11-20", {"input_tokens": 8908,
         "input_tokens_details": {"cached_tokens": 1208}, "output_tokens": 919, "output_tokens_details":
         {"reasoning_tokens": 506}, "total_tokens": 9827}, "0.023356"),
    # 6,854*1.1 + 1,536*0.275 + 1,998*4.4 = 16,753
    Bill("o4-mini, chat", "openai", "o4-mini", "2026-11-20", {"id": "chatcmpl-o4-mini", "model": "o4-mini",
         "usage": {"prompt_tokens": 8390, "completion_tokens": 1998, "total_tokens": 10_388,
         "prompt_tokens_details": {"cached_tokens": 1536, "audio_tokens": 0}, "completion_tokens_details":
         {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
         "rejected_prediction_tokens": 0}}, "service_tier": "default"}, "0.016753"),
    # 6,095*1.1 + 2,063*0.275 + 1,562*4.4 = 14,144.625
    Bill("o4-mini, responses with thoughts", "openai", "o4-mini", "2026-11-20", {"input_tokens": 8158,
         "input_tokens_details": {"cached_tokens": 2063}, "output_tokens": 1562, "output_tokens_details":
         {"reasoning_tokens": 241}, "total_tokens": 9720}, "0.014144625"),
    # 4,188*0.625 + 1,000*0.0625 + 1,010*5 = 7,730
    Bill("gpt-5, flex", "openai", "gpt-5", "2026-11-20", {"id": "resp_1", "service_tier": "flex", "usage":
         {"input_tokens": 5188, "input_tokens_details": {"cached_tokens": 1000}, "output_tokens": 1010,
         "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 6198}}, "0.00773"),
    # 4,946*0.125 + 1,000*0.0125 + 1,122*1 = 1,752.75
    Bill("gpt-5-mini, flex", "openai", "gpt-5-mini", "2026-11-20", {"id": "resp_1", "service_tier": "flex",
         "usage": {"input_tokens": 5946, "input_tokens_details": {"cached_tokens": 1000}, "output_tokens": 1122,
         "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 7068}}, "0.00175275"),
    # 1,374*1 + 1,000*0.25 + 410*4 = 3,264
    Bill("o3, flex", "openai", "o3", "2026-11-20", {"id": "resp_1", "service_tier": "flex", "usage":
         {"input_tokens": 2374, "input_tokens_details": {"cached_tokens": 1000}, "output_tokens": 410,
         "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 2784}}, "0.003264"),
    # 2,294*2.5 + 512*0.25 + 880*20 = 23,463
    Bill("gpt-5, priority", "openai", "gpt-5", "2026-02-02", {"service_tier": "priority", "usage":
         {"prompt_tokens": 2806, "completion_tokens": 880, "total_tokens": 3686, "prompt_tokens_details":
         {"cached_tokens": 512}}}, "0.023463"),
    # 2,188*0.45 + 512*0.045 + 697*3.6 = 3,516.84
    Bill("gpt-5-mini, priority", "openai", "gpt-5-mini", "2026-11-20", {"service_tier": "priority", "usage":
         {"prompt_tokens": 2700, "completion_tokens": 697, "total_tokens": 3397, "prompt_tokens_details":
         {"cached_tokens": 512}}}, "0.00351684"),
    # 600*4.25 + 512*2.125 + 743*17 = 16,269
    Bill("gpt-4o, priority", "openai", "gpt-4o", "2026-11-20", {"service_tier": "priority", "usage":
         {"prompt_tokens": 1112, "completion_tokens": 743, "total_tokens": 1855, "prompt_tokens_details":
         {"cached_tokens": 512}}}, "0.016269"),
    # 2,174*3.5 + 512*0.875 + 725*14 = 18,207
    Bill("gpt-4.1, priority", "openai", "gpt-4.1", "2026-02-02", {"service_tier": "priority", "usage":
         {"prompt_tokens": 2686, "completion_tokens": 725, "total_tokens": 3411, "prompt_tokens_details":
         {"cached_tokens": 512}}}, "0.018207"),
    # 1,112*0.625 + 1,350*5 = 7,445
    Bill("gpt-5, a line of a batch", "openai", "gpt-5", "2026-11-20", {"id": "batch_req_1", "custom_id": "q-1",
         "response": {"status_code": 200, "request_id": "req_7", "body": {"id": "chatcmpl-9", "model": "gpt-5",
         "usage": {"prompt_tokens": 1112, "completion_tokens": 1350, "total_tokens": 2462}}}}, "0.007445"),
    # 2,070*0.025 + 734*0.2 = 198.55
    Bill("gpt-5-nano, a line of a batch", "openai", "gpt-5-nano", "2026-11-20", {"id": "batch_req_1",
         "custom_id": "q-1", "response": {"status_code": 200, "request_id": "req_7", "body":
         {"id": "chatcmpl-9", "model": "gpt-5-nano", "usage": {"prompt_tokens": 2070, "completion_tokens": 734,
         "total_tokens": 2804}}}}, "0.00019855"),
    # 5,216*1.25 + 600*5 = 9,520
    Bill("gpt-4o, a line of a batch", "openai", "gpt-4o", "2026-11-20", {"id": "batch_req_1",
         "custom_id": "q-1", "response": {"status_code": 200, "request_id": "req_7", "body":
         {"id": "chatcmpl-9", "model": "gpt-4o", "usage": {"prompt_tokens": 5216, "completion_tokens": 600,
         "total_tokens": 5816}}}}, "0.00952"),
    # 1,952*1.25 + 2,048*1.25 + 200*5 = 6,000
    Bill("reads of a batch of gpt-4o have no discount", "openai", "gpt-4o", "2026-11-20",
         {"prompt_tokens": 4000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 2048}},
         "0.006", {"batch": True}),
    # 8,000*1.25 + 400*10 + 2*10,000 = 34,000
    Bill("two searches among the items", "openai", "gpt-5", "2026-11-20", {"id": "resp_2", "model": "gpt-5",
         "output": [{"type": "web_search_call", "action": {"type": "search"}}, {"type": "web_search_call",
         "action": {"type": "open_page"}}, {"type": "web_search_call"}, {"type": "message"}], "usage":
         {"input_tokens": 8000, "output_tokens": 400, "total_tokens": 8400}}, "0.034"),
    # 900*1.25 + 33*10 = 1,455
    Bill("an event of a stream", "openai", "gpt-5", "2026-11-20", {"type": "response.completed", "response":
         {"id": "resp_3", "model": "gpt-5-2025-08-07", "service_tier": "default", "usage": {"input_tokens": 900,
         "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 33, "output_tokens_details":
         {"reasoning_tokens": 0}, "total_tokens": 933}}}, "0.001455"),
    # 172,001*5 + 100,000*0.5 + 1,000*22.5 = 932,505
    Bill("a long prompt of gpt-5.4", "openai", "gpt-5.4", "2026-11-20", {"input_tokens": 272_001,
         "input_tokens_details": {"cached_tokens": 100_000}, "output_tokens": 1000, "total_tokens": 273_001},
         "0.932505"),
    # 172,000*2.5 + 100,000*0.25 + 1,000*15 = 470,000
    Bill("just not a long prompt", "openai", "gpt-5.4", "2026-11-20", {"input_tokens": 272_000,
         "input_tokens_details": {"cached_tokens": 100_000}, "output_tokens": 1000, "total_tokens": 273_000},
         "0.47"),
    # 5,000*4 + 6,000*0.4 + 9,000*5 + 700*20 = 81,400
    Bill("written to a cache, inside of the input", "openai", "gpt-5.6-sol", "2026-11-20",
         {"input_tokens": 20_000, "input_tokens_details": {"cached_tokens": 6000, "cache_write_tokens": 9000},
         "output_tokens": 700, "total_tokens": 20_700}, "0.0814"),
    # 200*2.5 + 1,000*32 + 100*10 + 400*64 = 59,100
    Bill("audio in and out", "openai", "gpt-audio", "2026-11-20", {"prompt_tokens": 1200,
         "completion_tokens": 500, "total_tokens": 1700, "prompt_tokens_details": {"audio_tokens": 1000,
         "text_tokens": 200, "cached_tokens": 0}, "completion_tokens_details": {"audio_tokens": 400,
         "text_tokens": 100, "reasoning_tokens": 0}}, "0.0591"),
    # 372*4 + 488*32 + 128*0.4 + 512*0.4 + 100*16 + 300*64 = 38,160
    Bill("realtime, with audio out of the cache", "openai", "gpt-realtime", "2026-11-20",
         {"type": "response.done", "response": {"id": "resp_4", "usage": {"total_tokens": 1900,
         "input_tokens": 1500, "output_tokens": 400, "input_token_details": {"text_tokens": 500,
         "audio_tokens": 1000, "cached_tokens": 640, "cached_tokens_details": {"text_tokens": 128,
         "audio_tokens": 512}}, "output_token_details": {"text_tokens": 100, "audio_tokens": 300}}}},
         "0.03816"),
    # 14*2.5 + 900*6 + 201*10 = 7,445
    Bill("a transcription", "openai", "gpt-4o-transcribe", "2026-11-20", {"type": "tokens", "input_tokens": 914,
         "input_token_details": {"text_tokens": 14, "audio_tokens": 900}, "output_tokens": 201,
         "total_tokens": 1115}, "0.007445"),
    # 50*5 + 323*10 + 1,056*40 = 45,720
    Bill("an image", "openai", "gpt-image-1", "2026-11-20", {"created": 1, "usage": {"input_tokens": 373,
         "input_tokens_details": {"text_tokens": 50, "image_tokens": 323}, "output_tokens": 1056,
         "total_tokens": 1429}}, "0.04572"),
    # 8,191*0.02 = 163.82
    Bill("embeddings, small", "openai", "text-embedding-3-small", "2026-11-20", {"object": "list",
         "model": "text-embedding-3-small", "usage": {"prompt_tokens": 8191, "total_tokens": 8191}},
         "0.00016382"),
    # 123,456*0.13 = 16,049.28
    Bill("embeddings, large", "openai", "text-embedding-3-large", "2026-11-20", {"prompt_tokens": 123_456,
         "total_tokens": 123_456}, "0.01604928"),
    # 1,000*2.5 + 500*10 = 7,500
    Bill("Azure by its own name", "azure.ai.openai", "gpt-4o-2024-08-06", "2026-11-20", {"prompt_tokens": 1000,
         "completion_tokens": 500, "total_tokens": 1500}, "0.0075"),
    # 1,000*1 + 500*4 = 3,000
    Bill("Azure, a batch", "azure", "azure/gpt-4.1", "2026-11-20", {"prompt_tokens": 1000,
         "completion_tokens": 500, "total_tokens": 1500}, "0.003", {"batch": True}),
    # 952*1.25 + 2,048*0.125 + 250*10 = 3,946
    Bill("by LangChain's names", "openai", "gpt-5", "2026-11-20", {"input_tokens": 3000, "output_tokens": 250,
         "total_tokens": 3250, "input_token_details": {"cache_read": 2048}, "output_token_details":
         {"reasoning": 192}}, "0.003946"),
]
# fmt: on

"""Answers of Anthropic, and what each costs: worked out from published prices in the line above it.

Dollars for a million tokens: input, output, read from a cache, written for five minutes, for an hour.

    claude-opus-5, claude-opus-4-8    5   25   0.5   6.25   10      batch: half; a search: 0.01
    claude-sonnet-4-5                 3   15   0.3   3.75    6      over 200,000 of input: 6  22.5  0.6
    claude-haiku-4-5                  1    5   0.1   1.25    2
    claude-opus-4-1                  15   75   1.5  18.75   30
    claude-haiku-5-5                0.1  0.5  0.01  0.125  0.2      over 100,000: 0.5  2.5  0.05  0.625  1

The comment counts millionths of a dollar: tokens times dollars for a million.
"""

from tests.core.usage.bills.bill import Bill

# fmt: off
BILLS = [
    # 7,877*5 + 1,872*25 = 86,185
    Bill("opus-5, plain", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 7877,
         "output_tokens": 1872}, "0.086185"),
    # 37*5 + 20,620*0.5 + 5,273*6.25 + 2,605*25 = 108,576.25
    Bill("opus-5, read and written, no lifetimes", "anthropic", "claude-opus-5", "2026-11-20",
         {"input_tokens": 37, "cache_creation_input_tokens": 5273, "cache_read_input_tokens": 20_620,
         "output_tokens": 2605, "service_tier": "standard"}, "0.10857625"),
    # 43*5 + 39,480*0.5 + 5,326*6.25 + 7,822*10 + 2,668*25 = 198,162.5
    Bill("opus-5, both lifetimes", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 43,
         "cache_creation_input_tokens": 13_148, "cache_read_input_tokens": 39_480, "cache_creation":
         {"ephemeral_5m_input_tokens": 5326, "ephemeral_1h_input_tokens": 7822}, "output_tokens": 2668},
         "0.1981625"),
    # 54*2.5 + 33,294*5 + 1,463*12.5 = 184,892.5
    Bill("opus-5, batch", "anthropic", "claude-opus-5", "2026-11-20", {"id": "msg_opus-5",
         "model": "claude-opus-5", "usage": {"input_tokens": 54, "output_tokens": 1463,
         "cache_creation_input_tokens": 33_294, "cache_creation": {"ephemeral_5m_input_tokens": 0,
         "ephemeral_1h_input_tokens": 33_294}, "service_tier": "batch"}}, "0.1848925"),
    # 8,880*5 + 2,724*25 = 112,500
    Bill("opus-4-8, plain", "anthropic", "claude-opus-4-8", "2026-11-20", {"input_tokens": 8880,
         "output_tokens": 2724}, "0.1125"),
    # 587*5 + 61,610*0.5 + 6,535*6.25 + 1,711*25 = 117,358.75
    Bill("opus-4-8, read and written, no lifetimes", "anthropic", "claude-opus-4-8", "2026-11-20",
         {"input_tokens": 587, "cache_creation_input_tokens": 6535, "cache_read_input_tokens": 61_610,
         "output_tokens": 1711, "service_tier": "standard"}, "0.11735875"),
    # 49*5 + 74,666*0.5 + 1,728*6.25 + 38,534*10 + 886*25 = 455,868
    Bill("opus-4-8, both lifetimes", "anthropic", "claude-opus-4-8", "2026-11-20", {"input_tokens": 49,
         "cache_creation_input_tokens": 40_262, "cache_read_input_tokens": 74_666, "cache_creation":
         {"ephemeral_5m_input_tokens": 1728, "ephemeral_1h_input_tokens": 38_534}, "output_tokens": 886},
         "0.455868"),
    # 32*2.5 + 14,846*5 + 2,966*12.5 = 111,385
    Bill("opus-4-8, batch", "anthropic", "claude-opus-4-8", "2026-08-05", {"id": "msg_opus-4-8",
         "model": "claude-opus-4-8", "usage": {"input_tokens": 32, "output_tokens": 2966,
         "cache_creation_input_tokens": 14_846, "cache_creation": {"ephemeral_5m_input_tokens": 0,
         "ephemeral_1h_input_tokens": 14_846}, "service_tier": "batch"}}, "0.111385"),
    # 6,623*3 + 1,099*15 = 36,354
    Bill("sonnet-4-5, plain", "anthropic", "claude-sonnet-4-5", "2026-11-20", {"input_tokens": 6623,
         "output_tokens": 1099}, "0.036354"),
    # 543*3 + 44,111*0.3 + 1,097*3.75 + 1,548*15 = 42,196.05
    Bill("sonnet-4-5, read and written, no lifetimes", "anthropic", "claude-sonnet-4-5", "2026-11-20",
         {"input_tokens": 543, "cache_creation_input_tokens": 1097, "cache_read_input_tokens": 44_111,
         "output_tokens": 1548, "service_tier": "standard"}, "0.04219605"),
    # 55*3 + 13,687*0.3 + 3,400*3.75 + 31,079*6 + 1,262*15 = 222,425.1
    Bill("sonnet-4-5, both lifetimes", "anthropic", "claude-sonnet-4-5", "2026-11-20", {"input_tokens": 55,
         "cache_creation_input_tokens": 34_479, "cache_read_input_tokens": 13_687, "cache_creation":
         {"ephemeral_5m_input_tokens": 3400, "ephemeral_1h_input_tokens": 31_079}, "output_tokens": 1262},
         "0.2224251"),
    # 45*1.5 + 18,416*3 + 792*7.5 = 61,255.5
    Bill("sonnet-4-5, batch", "anthropic", "claude-sonnet-4-5", "2026-11-20", {"id": "msg_sonnet-4-5",
         "model": "claude-sonnet-4-5", "usage": {"input_tokens": 45, "output_tokens": 792,
         "cache_creation_input_tokens": 18_416, "cache_creation": {"ephemeral_5m_input_tokens": 0,
         "ephemeral_1h_input_tokens": 18_416}, "service_tier": "batch"}}, "0.0612555"),
    # 3,564*1 + 2,600*5 = 16,564
    Bill("haiku-4-5, plain", "anthropic", "claude-haiku-4-5", "2026-11-20", {"input_tokens": 3564,
         "output_tokens": 2600}, "0.016564"),
    # 355*1 + 54,326*0.1 + 7,098*1.25 + 1,952*5 = 24,420.1
    Bill("haiku-4-5, read and written, no lifetimes", "anthropic", "claude-haiku-4-5", "2026-11-20",
         {"input_tokens": 355, "cache_creation_input_tokens": 7098, "cache_read_input_tokens": 54_326,
         "output_tokens": 1952, "service_tier": "standard"}, "0.0244201"),
    # 79*1 + 69,336*0.1 + 7,552*1.25 + 7,097*2 + 2,399*5 = 42,641.6
    Bill("haiku-4-5, both lifetimes", "anthropic", "claude-haiku-4-5", "2026-11-20", {"input_tokens": 79,
         "cache_creation_input_tokens": 14_649, "cache_read_input_tokens": 69_336, "cache_creation":
         {"ephemeral_5m_input_tokens": 7552, "ephemeral_1h_input_tokens": 7097}, "output_tokens": 2399},
         "0.0426416"),
    # 57*0.5 + 69,964*1 + 2,954*2.5 = 77,377.5
    Bill("haiku-4-5, batch", "anthropic", "claude-haiku-4-5", "2026-11-20", {"id": "msg_haiku-4-5",
         "model": "claude-haiku-4-5", "usage": {"input_tokens": 57, "output_tokens": 2954,
         "cache_creation_input_tokens": 69_964, "cache_creation": {"ephemeral_5m_input_tokens": 0,
         "ephemeral_1h_input_tokens": 69_964}, "service_tier": "batch"}}, "0.0773775"),
    # 8,198*15 + 607*75 = 168,495
    Bill("opus-4-1, plain", "anthropic", "claude-opus-4-1", "2026-11-20", {"input_tokens": 8198,
         "output_tokens": 607}, "0.168495"),
    # 613*15 + 88,814*1.5 + 1,156*18.75 + 2,695*75 = 366,216
    Bill("opus-4-1, read and written, no lifetimes", "anthropic", "claude-opus-4-1", "2026-11-20",
         {"input_tokens": 613, "cache_creation_input_tokens": 1156, "cache_read_input_tokens": 88_814,
         "output_tokens": 2695, "service_tier": "standard"}, "0.366216"),
    # 70*15 + 81,094*1.5 + 1,874*18.75 + 28,527*30 + 873*75 = 1,079,113.5
    Bill("opus-4-1, both lifetimes", "anthropic", "claude-opus-4-1", "2026-11-20", {"input_tokens": 70,
         "cache_creation_input_tokens": 30_401, "cache_read_input_tokens": 81_094, "cache_creation":
         {"ephemeral_5m_input_tokens": 1874, "ephemeral_1h_input_tokens": 28_527}, "output_tokens": 873},
         "1.0791135"),
    # 84*7.5 + 78,462*15 + 1,192*37.5 = 1,222,260
    Bill("opus-4-1, batch", "anthropic", "claude-opus-4-1", "2026-08-05", {"id": "msg_opus-4-1",
         "model": "claude-opus-4-1", "usage": {"input_tokens": 84, "output_tokens": 1192,
         "cache_creation_input_tokens": 78_462, "cache_creation": {"ephemeral_5m_input_tokens": 0,
         "ephemeral_1h_input_tokens": 78_462}, "service_tier": "batch"}}, "1.22226"),
    # 344,139*10 = 3,441,390
    Bill("one hour alone", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 0, "output_tokens": 0,
         "cache_creation_input_tokens": 344_139, "cache_creation": {"ephemeral_5m_input_tokens": 0,
         "ephemeral_1h_input_tokens": 344_139}}, "3.44139"),
    # 6,039*5 + 931*25 + 3*10,000 = 83,470
    Bill("three searches", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 6039,
         "output_tokens": 931, "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 2}},
         "0.08347"),
    # 2,000*2.5 + 100*12.5 + 1*10,000 = 16,250
    Bill("a search in a batch has no discount", "anthropic", "claude-opus-5", "2026-11-20",
         {"input_tokens": 2000, "output_tokens": 100, "service_tier": "batch", "server_tool_use":
         {"web_search_requests": 1}}, "0.01625"),
    # 1,500*10 + 40,000*1 + 800*50 = 95,000
    Bill("fast mode", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 1500, "output_tokens": 800,
         "cache_read_input_tokens": 40_000, "speed": "fast"}, "0.095"),
    # 1,500*5.5 + 40,000*0.55 + 800*27.5 = 52,250
    Bill("inference in the US alone", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 1500,
         "output_tokens": 800, "cache_read_input_tokens": 40_000, "inference_geo": "us"}, "0.05225"),
    # 1,500*5 + 800*25 = 27,500
    Bill("inference anywhere", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 1500,
         "output_tokens": 800, "inference_geo": "global"}, "0.0275"),
    # 203,000*5 + 4,500*25 = 1,127,500
    Bill("with a compaction", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 23_000,
         "output_tokens": 1000, "iterations": [{"type": "compaction", "input_tokens": 180_000,
         "output_tokens": 3500}, {"type": "message", "input_tokens": 23_000, "output_tokens": 1000}]},
         "1.1275"),
    # 700*5 + 4,200*25 = 108,500
    Bill("thoughts are in the output", "anthropic", "claude-opus-5", "2026-11-20", {"input_tokens": 700,
         "output_tokens": 4200, "output_tokens_details": {"thinking_tokens": 3900}}, "0.1085"),
    # 310*2.5 + 77*12.5 = 1,737.5
    Bill("a line of a batch's results", "anthropic", "claude-opus-5", "2026-11-20", {"custom_id": "a-1",
         "result": {"type": "succeeded", "message": {"id": "msg_1", "model": "claude-opus-5", "usage":
         {"input_tokens": 310, "output_tokens": 77, "service_tier": "batch"}}}}, "0.0017375"),
    # 412*5 + 1*25 = 2,085
    Bill("an event of a stream", "anthropic", "claude-opus-5", "2026-11-20", {"type": "message_start",
         "message": {"id": "msg_2", "model": "claude-opus-5", "usage": {"input_tokens": 412,
         "output_tokens": 1}}}, "0.002085"),
    # 3*5 + 15,018*0.5 + 12,404*10 + 427*25 = 142,239
    Bill("a line of a transcript", "anthropic", "claude-opus-5", "2026-11-20", {"type": "assistant",
         "requestId": "req_9", "message": {"id": "msg_3", "model": "claude-opus-5", "usage": {"input_tokens": 3,
         "cache_creation_input_tokens": 12_404, "cache_read_input_tokens": 15_018, "cache_creation":
         {"ephemeral_1h_input_tokens": 12_404, "ephemeral_5m_input_tokens": 0}, "output_tokens": 427,
         "service_tier": "standard"}}}, "0.142239"),
    # 1,001*6 + 199,000*0.6 + 600*22.5 = 138,906
    Bill("a long prompt of Sonnet 4.5", "anthropic", "claude-sonnet-4-5", "2026-03-01", {"input_tokens": 1001,
         "cache_read_input_tokens": 199_000, "output_tokens": 600}, "0.138906"),
    # 1,000*3 + 199,000*0.3 + 600*15 = 71,700
    Bill("just not a long prompt", "anthropic", "claude-sonnet-4-5", "2026-03-01", {"input_tokens": 1000,
         "cache_read_input_tokens": 199_000, "output_tokens": 600}, "0.0717"),
    # 50,000*0.5 + 60,000*1 + 2,000*2.5 = 90,000
    Bill("a long prompt of Haiku 5.5, for an hour", "anthropic", "claude-haiku-5-5", "2026-11-20",
         {"input_tokens": 50_000, "cache_creation_input_tokens": 60_000, "cache_creation":
         {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 60_000}, "output_tokens": 2000}, "0.09"),
    # 12,345,678*1 + 11,000,001*5 = 67,345,683
    Bill("more than ten million tokens", "anthropic", "claude-haiku-4-5", "2026-11-20",
         {"input_tokens": 12_345_678, "output_tokens": 11_000_001}, "67.345683"),
]
# fmt: on

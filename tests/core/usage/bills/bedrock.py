"""Answers of Amazon Bedrock, and what each costs: worked out from published prices in the line above it.

Dollars for a million tokens: input, output, read from a cache, written for five minutes, for an hour.

    us. Sonnet 4.5      3.3  16.5  0.33  4.125  6.6     global.: 3  15  0.3  3.75  6
    eu. Opus 5          5.5  27.5  0.55  6.875  11
    Opus 4.1            15   75    1.5   18.75  30
    nova-pro            0.8  3.2   0.2                  nova-lite 0.06  0.24
    llama3-3-70b        0.72 0.72                       deepseek.r1 1.35  5.4
    gpt-oss-120b        0.15 0.6                        batch and flex: half

The comment counts millionths of a dollar: tokens times dollars for a million.
"""

from tests.core.usage.bills.bill import Bill

# fmt: off
BILLS = [
    # 5,024*3.3 + 2,245*16.5 = 53,621.7
    Bill("us.anthropic sonnet-4-5, plain", "aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "2026-11-20", {"inputTokens": 5024, "outputTokens": 2245, "totalTokens": 7269}, "0.0536217"),
    # 184*3.3 + 74,300*0.33 + 2,120*4.125 + 1,917*16.5 = 65,501.7
    Bill("us.anthropic sonnet-4-5, cached beside", "bedrock",
         "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"ResponseMetadata":
         {"RequestId": "b-1"}, "usage": {"inputTokens": 184, "outputTokens": 1917, "totalTokens": 78_521,
         "cacheReadInputTokens": 74_300, "cacheWriteInputTokens": 2120}}, "0.0655017"),
    # 293*3.3 + 4,224*4.125 + 1,330*6.6 + 2,300*16.5 = 65,118.9
    Bill("us.anthropic sonnet-4-5, both lifetimes", "amazon-bedrock",
         "bedrock/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"inputTokens": 293,
         "outputTokens": 2300, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 5554, "cacheDetails":
         [{"ttl": "5m", "inputTokens": 4224}, {"ttl": "1h", "inputTokens": 1330}]}, "0.0651189"),
    # 136*3.3 + 3,123*6.6 + 1,984*16.5 = 53,796.6
    Bill("us.anthropic sonnet-4-5, as Anthropic's own body", "bedrock",
         "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"id": "msg_bdrk_1", "usage":
         {"input_tokens": 136, "cache_creation_input_tokens": 3123, "cache_creation":
         {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 3123}, "output_tokens": 1984}},
         "0.0537966"),
    # 7,629*3 + 1,274*15 = 41,997
    Bill("global.anthropic sonnet-4-5, plain", "aws.bedrock",
         "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"inputTokens": 7629,
         "outputTokens": 1274, "totalTokens": 8903}, "0.041997"),
    # 2,336*3 + 67,000*0.3 + 6,072*3.75 + 1,053*15 = 65,673
    Bill("global.anthropic sonnet-4-5, cached beside", "bedrock",
         "bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"ResponseMetadata":
         {"RequestId": "b-1"}, "usage": {"inputTokens": 2336, "outputTokens": 1053, "totalTokens": 76_461,
         "cacheReadInputTokens": 67_000, "cacheWriteInputTokens": 6072}}, "0.065673"),
    # 75*3 + 3,952*3.75 + 7,701*6 + 1,278*15 = 80,421
    Bill("global.anthropic sonnet-4-5, both lifetimes", "amazon-bedrock",
         "bedrock/converse/global.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"inputTokens": 75,
         "outputTokens": 1278, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 11_653, "cacheDetails":
         [{"ttl": "5m", "inputTokens": 3952}, {"ttl": "1h", "inputTokens": 7701}]}, "0.080421"),
    # 153*3 + 8,949*6 + 842*15 = 66,783
    Bill("global.anthropic sonnet-4-5, as Anthropic's own body", "bedrock",
         "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-11-20", {"id": "msg_bdrk_1", "usage":
         {"input_tokens": 153, "cache_creation_input_tokens": 8949, "cache_creation":
         {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 8949}, "output_tokens": 842}},
         "0.066783"),
    # 5,766*5.5 + 2,535*27.5 = 101,425.5
    Bill("eu.anthropic opus-5, plain", "aws.bedrock", "eu.anthropic.claude-opus-5", "2026-11-20",
         {"inputTokens": 5766, "outputTokens": 2535, "totalTokens": 8301}, "0.1014255"),
    # 752*5.5 + 34,800*0.55 + 3,272*6.875 + 2,536*27.5 = 115,511
    Bill("eu.anthropic opus-5, cached beside", "bedrock", "bedrock/eu.anthropic.claude-opus-5", "2026-11-20",
         {"ResponseMetadata": {"RequestId": "b-1"}, "usage": {"inputTokens": 752, "outputTokens": 2536,
         "totalTokens": 41_360, "cacheReadInputTokens": 34_800, "cacheWriteInputTokens": 3272}}, "0.115511"),
    # 157*5.5 + 2,552*6.875 + 8,684*11 + 710*27.5 = 133,457.5
    Bill("eu.anthropic opus-5, both lifetimes", "amazon-bedrock", "bedrock/converse/eu.anthropic.claude-opus-5",
         "2026-11-20", {"inputTokens": 157, "outputTokens": 710, "cacheReadInputTokens": 0,
         "cacheWriteInputTokens": 11_236, "cacheDetails": [{"ttl": "5m", "inputTokens": 2552}, {"ttl": "1h",
         "inputTokens": 8684}]}, "0.1334575"),
    # 154*5.5 + 7,098*11 + 1,849*27.5 = 129,772.5
    Bill("eu.anthropic opus-5, as Anthropic's own body", "bedrock", "eu.anthropic.claude-opus-5", "2026-11-20",
         {"id": "msg_bdrk_1", "usage": {"input_tokens": 154, "cache_creation_input_tokens": 7098,
         "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 7098},
         "output_tokens": 1849}}, "0.1297725"),
    # 2,618*15 + 1,338*75 = 139,620
    Bill("anthropic opus-4-1, plain", "aws.bedrock", "anthropic.claude-opus-4-1-20250805-v1:0", "2026-11-20",
         {"inputTokens": 2618, "outputTokens": 1338, "totalTokens": 3956}, "0.13962"),
    # 1,056*15 + 52,000*1.5 + 2,832*18.75 + 2,809*75 = 357,615
    Bill("anthropic opus-4-1, cached beside", "bedrock", "bedrock/anthropic.claude-opus-4-1-20250805-v1:0",
         "2026-11-20", {"ResponseMetadata": {"RequestId": "b-1"}, "usage": {"inputTokens": 1056,
         "outputTokens": 2809, "totalTokens": 58_697, "cacheReadInputTokens": 52_000,
         "cacheWriteInputTokens": 2832}}, "0.357615"),
    # 123*15 + 3,560*18.75 + 5,537*30 + 222*75 = 251,355
    Bill("anthropic opus-4-1, both lifetimes", "amazon-bedrock",
         "bedrock/converse/anthropic.claude-opus-4-1-20250805-v1:0", "2026-11-20", {"inputTokens": 123,
         "outputTokens": 222, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 9097, "cacheDetails":
         [{"ttl": "5m", "inputTokens": 3560}, {"ttl": "1h", "inputTokens": 5537}]}, "0.251355"),
    # 247*15 + 2,851*30 + 1,409*75 = 194,910
    Bill("anthropic opus-4-1, as Anthropic's own body", "bedrock", "anthropic.claude-opus-4-1-20250805-v1:0",
         "2026-11-20", {"id": "msg_bdrk_1", "usage": {"input_tokens": 247, "cache_creation_input_tokens": 2851,
         "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2851},
         "output_tokens": 1409}}, "0.19491"),
    # 6,607*0.8 + 709*3.2 = 7,554.4
    Bill("amazon.nova-pro", "bedrock_converse", "amazon.nova-pro-v1:0", "2026-11-20", {"usage":
         {"inputTokens": 6607, "outputTokens": 709, "totalTokens": 7316}, "metrics": {"latencyMs": 900}},
         "0.0075544"),
    # 1,960*0.4 + 766*1.6 = 2,009.6
    Bill("amazon.nova-pro, in a batch", "bedrock", "amazon.nova-pro-v1:0", "2026-11-20", {"inputTokens": 1960,
         "outputTokens": 766}, "0.0020096", {"batch": True}),
    # 7,264*0.06 + 2,874*0.24 = 1,125.6
    Bill("eu.amazon.nova-lite", "bedrock_converse", "eu.amazon.nova-lite-v1:0", "2026-11-20", {"usage":
         {"inputTokens": 7264, "outputTokens": 2874, "totalTokens": 10_138}, "metrics": {"latencyMs": 900}},
         "0.0011256"),
    # 1,562*0.03 + 5,704*0.12 = 731.34
    Bill("eu.amazon.nova-lite, in a batch", "bedrock", "eu.amazon.nova-lite-v1:0", "2026-11-20",
         {"inputTokens": 1562, "outputTokens": 5704}, "0.00073134", {"batch": True}),
    # 124*0.72 + 2,782*0.72 = 2,092.32
    Bill("us.meta.llama3-3-70b-instruct", "bedrock_converse", "us.meta.llama3-3-70b-instruct-v1:0",
         "2026-11-20", {"usage": {"inputTokens": 124, "outputTokens": 2782, "totalTokens": 2906}, "metrics":
         {"latencyMs": 900}}, "0.00209232"),
    # 15,942*0.36 + 5,808*0.36 = 7,830
    Bill("us.meta.llama3-3-70b-instruct, in a batch", "bedrock", "us.meta.llama3-3-70b-instruct-v1:0",
         "2026-11-20", {"inputTokens": 15_942, "outputTokens": 5808}, "0.00783", {"batch": True}),
    # 2,907*1.35 + 2,794*5.4 = 19,012.05
    Bill("deepseek.r1", "bedrock_converse", "deepseek.r1-v1:0", "2026-11-20", {"usage": {"inputTokens": 2907,
         "outputTokens": 2794, "totalTokens": 5701}, "metrics": {"latencyMs": 900}}, "0.01901205"),
    # 3,978*0.675 + 3,828*2.7 = 13,020.75
    Bill("deepseek.r1, in a batch", "bedrock", "deepseek.r1-v1:0", "2026-11-20", {"inputTokens": 3978,
         "outputTokens": 3828}, "0.01302075", {"batch": True}),
    # 1,145*0.15 + 1,266*0.6 = 931.35
    Bill("openai.gpt-oss-120b-1:0", "bedrock_converse", "openai.gpt-oss-120b-1:0", "2026-11-20", {"usage":
         {"inputTokens": 1145, "outputTokens": 1266, "totalTokens": 2411}, "metrics": {"latencyMs": 900}},
         "0.00093135"),
    # 15,354*0.075 + 3,554*0.3 = 2,217.75
    Bill("openai.gpt-oss-120b-1:0, in a batch", "bedrock", "openai.gpt-oss-120b-1:0", "2026-11-20",
         {"inputTokens": 15_354, "outputTokens": 3554}, "0.00221775", {"batch": True}),
    # 500*0.8 + 6,000*0.2 + 40*3.2 = 1,728
    Bill("reads of Nova", "bedrock", "amazon.nova-pro-v1:0", "2026-11-20", {"inputTokens": 500,
         "outputTokens": 40, "cacheReadInputTokenCount": 6000, "cacheWriteInputTokenCount": 0}, "0.001728"),
    # 4,000*0.075 + 600*0.3 = 480
    Bill("flex", "bedrock", "openai.gpt-oss-120b-1:0", "2026-11-20", {"serviceTier": {"type": "flex"}, "usage":
         {"inputTokens": 4000, "outputTokens": 600}}, "0.00048"),
    # 4,000*0.15 + 600*0.6 = 960
    Bill("the tier by default", "bedrock", "openai.gpt-oss-120b-1:0", "2026-11-20", {"serviceTier":
         {"type": "default"}, "usage": {"inputTokens": 4000, "outputTokens": 600}}, "0.00096"),
    # 1*0.5 + 100,000*0.05 + 1,000*2.5 = 7,500.5
    Bill("a long prompt of Haiku 5.5", "bedrock", "global.anthropic.claude-haiku-5-5", "2026-11-20",
         {"inputTokens": 1, "outputTokens": 1000, "cacheReadInputTokens": 100_000}, "0.0075005"),
    # 1,000*3.3 + 100*16.5 = 4,950
    Bill("by an inference profile's ARN", "bedrock",
         "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "2026-11-20", {"inputTokens": 1000, "outputTokens": 100}, "0.00495"),
]
# fmt: on

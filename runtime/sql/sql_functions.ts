/**
 * The functions that SQL of people and of plugins may call: what analysis needs. Everything else is refused, so a new
 * function of the engine is refused until somebody adds it here. Add none that reads outside the
 * tables of the statement, that waits, or whose time grows faster than its input: the engine looks at
 * a statement's time only between blocks of rows.
 */

const operators = `
    abs and assumeNotNull avg2 caseWithExpression clamp coalesce divide divideDecimal divideOrNull
  equals exists gcd   globalIn globalNotIn globalNotNullIn globalNullIn greater greaterOrEquals
  greatest grouping if   ifNotFinite ifNull in intDiv intDivOrNull intDivOrZero isDistinctFrom
  isFinite isInfinite isNaN   isNotDistinctFrom isNotNull isNull lambda lcm least less
  lessOrEquals max2 midpoint min2 minus   modulo moduloOrNull moduloOrZero multiIf multiply
  multiplyDecimal negate not notEquals notIn   notNullIn nullIf nullIn or plus positiveModulo
  positiveModuloOrNull sqr toNullable untuple xor`;

const numbers = `
    acos asin atan atan2 bitAnd bitCount bitNot bitOr bitRotateLeft bitRotateRight bitShiftLeft
  bitShiftRight bitTest bitXor cbrt ceil cos cosineDistance degrees e exp exp10 exp2 factorial
  floor hypot L1Distance L1Norm L2Distance L2Norm L2SquaredDistance L2SquaredNorm LinfDistance
  LinfNorm log log10 log1p log2 pi pow radians rand rand64 randCanonical randNormal randomString
  randUniform round roundBankers roundDown roundToExp2 sigmoid sign sin sqrt tan tanh trunc
  widthBucket`;

const times = `
    addDate addDays addHours addInterval addMicroseconds addMilliseconds addMinutes addMonths
  addNanoseconds addQuarters addSeconds addWeeks addYears age changeDay changeHour changeMinute
  changeMonth changeSecond changeYear dateDiff dateName dateTrunc formatDateTime
  formatDateTimeInJodaSyntax fromDaysSinceYearZero fromDaysSinceYearZero32 fromUnixTimestamp
  fromUnixTimestampInJodaSyntax fromUTCTimestamp localtime makeDate makeDate32 makeDateTime
  makeDateTime64 monthName now now64 subDate subtractDays subtractHours subtractInterval
  subtractMicroseconds subtractMilliseconds subtractMinutes subtractMonths subtractNanoseconds
  subtractQuarters subtractSeconds subtractWeeks subtractYears timeDiff timeSlot timeSlots
  timestamp timezone timezoneOf timezoneOffset today toDayOfMonth toDayOfWeek toDayOfYear
  toDaysInMonth toDaysSinceYearZero toHour toISOWeek toISOYear toLastDayOfMonth toLastDayOfWeek
  toMicrosecond toMillisecond toMinute toMonday toMonth toMonthNumSinceEpoch toNanosecond
  toQuarter toRelativeDayNum toRelativeHourNum toRelativeMinuteNum toRelativeMonthNum
  toRelativeQuarterNum toRelativeSecondNum toRelativeWeekNum toRelativeYearNum toSecond
  toStartOfDay toStartOfFifteenMinutes toStartOfFiveMinutes toStartOfHour toStartOfInterval
  toStartOfISOYear toStartOfMicrosecond toStartOfMillisecond toStartOfMinute toStartOfMonth
  toStartOfNanosecond toStartOfQuarter toStartOfSecond toStartOfTenMinutes toStartOfWeek
  toStartOfYear toTimezone toUnixTimestamp toUTCTimestamp toWeek toYear toYearNumSinceEpoch
  toYearWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss UTCTimestamp yesterday YYYYMMDDhhmmssToDateTime
  YYYYMMDDhhmmssToDateTime64 YYYYMMDDToDate YYYYMMDDToDate32`;

/** Conversions, beside those of `typed`. */
const conversions = `
    accurateCast accurateCastOrDefault accurateCastOrNull CAST fromUnixTimestamp64Micro
  fromUnixTimestamp64Milli fromUnixTimestamp64Nano fromUnixTimestamp64Second parseDateTime
  parseDateTime64 parseDateTime64BestEffort parseDateTime64BestEffortOrNull
  parseDateTime64BestEffortOrZero parseDateTime64OrNull parseDateTime64OrZero
  parseDateTimeBestEffort parseDateTimeBestEffortOrNull parseDateTimeBestEffortOrZero
  parseDateTimeOrNull parseDateTimeOrZero reinterpret toBool toDateTime32 toDecimalString
  toFixedString toInterval toIntervalDay toIntervalHour toIntervalMicrosecond
  toIntervalMillisecond toIntervalMinute toIntervalMonth toIntervalNanosecond toIntervalQuarter
  toIntervalSecond toIntervalWeek toIntervalYear toString toUnixTimestamp64Micro
  toUnixTimestamp64Milli toUnixTimestamp64Nano toUnixTimestamp64Second`;

/** Texts. Left out: distances between texts (quadratic) and sets of patterns (slow to compile). */
const texts = `
    alphaTokens appendTrailingCharIfAbsent arrayStringConcat ascii base64Decode base64Encode
  base64URLDecode base64URLEncode bin char cityHash64 concat concatWithSeparator countMatches
  countMatchesCaseInsensitive countSubstrings countSubstringsCaseInsensitive
  countSubstringsCaseInsensitiveUTF8 CRC32 endsWith endsWithCaseInsensitive
  endsWithCaseInsensitiveUTF8 endsWithUTF8 extract extractAll extractAllGroupsHorizontal
  extractAllGroupsVertical extractGroups farmHash64 format hasSubsequence hasToken
  hasTokenCaseInsensitive hasTokenCaseInsensitiveOrNull hasTokenOrNull hex ilike initcap
  initcapUTF8 intHash32 intHash64 isValidASCII isValidUTF8 left leftPad leftPadUTF8 leftUTF8
  lengthUTF8 like locate lower lowerUTF8 match MD5 metroHash64 multiSearchAny
  multiSearchAnyCaseInsensitive multiSearchAnyCaseInsensitiveUTF8 multiSearchAnyUTF8
  murmurHash2_32 murmurHash2_64 murmurHash3_128 murmurHash3_32 murmurHash3_64 ngramDistance
  ngramDistanceCaseInsensitive ngramDistanceCaseInsensitiveUTF8 ngramDistanceUTF8 ngramSearch
  ngramSearchCaseInsensitive ngramSearchCaseInsensitiveUTF8 ngramSearchUTF8 normalizeUTF8NFC
  normalizeUTF8NFD normalizeUTF8NFKC normalizeUTF8NFKD notILike notLike position
  positionCaseInsensitive positionCaseInsensitiveUTF8 positionUTF8 printf regexpQuoteMeta repeat
  replaceAll replaceOne replaceRegexpAll replaceRegexpOne right rightPad rightPadUTF8 rightUTF8
  SHA1 SHA256 SHA512 sipHash128 sipHash64 soundex space splitByChar splitByNonAlpha splitByRegexp
  splitByString splitByWhitespace startsWith startsWithCaseInsensitive
  startsWithCaseInsensitiveUTF8 startsWithUTF8 substring substringIndex substringIndexUTF8
  substringUTF8 toValidUTF8 translate translateUTF8 trimBoth trimLeft trimRight unhex upper
  upperUTF8 URLHash wyHash64 xxh3 xxh3_128 xxHash32 xxHash64`;

/** Lists, maps, tuples, JSON. */
const lists = `
    array arrayAll arrayAvg arrayBottomK arrayCompact arrayConcat arrayCount arrayCumSum
  arrayCumSumNonNegative arrayDifference arrayDistinct arrayDotProduct arrayElement
  arrayElementOrNull arrayEnumerate arrayEnumerateDense arrayEnumerateDenseRanked
  arrayEnumerateUniq arrayEnumerateUniqRanked arrayExcept arrayExists arrayFill arrayFilter
  arrayFirst arrayFirstIndex arrayFirstOrNull arrayFlatten arrayFold arrayIntersect
  arrayJaccardIndex arrayJoin arrayLast arrayLastIndex arrayLastOrNull arrayMap arrayMax arrayMin
  arrayPartialReverseSort arrayPartialShuffle arrayPartialSort arrayPopBack arrayPopFront
  arrayProduct arrayPushBack arrayPushFront arrayRandomSample arrayRemove arrayResize arrayReverse
  arrayReverseFill arrayReverseSort arrayReverseSplit arrayRotateLeft arrayRotateRight
  arrayShiftLeft arrayShiftRight arrayShuffle arraySlice arraySort arraySplit arraySum
  arraySymmetricDifference arrayTopK arrayUnion arrayUniq arrayWithConstant arrayZip
  arrayZipUnaligned bitmapAnd bitmapAndCardinality bitmapAndnot bitmapAndnotCardinality
  bitmapBuild bitmapCardinality bitmapContains bitmapHasAll bitmapHasAny bitmapMax bitmapMin
  bitmapOr bitmapOrCardinality bitmapToArray bitmapXor bitmapXorCardinality countEqual
  dynamicElement dynamicType empty emptyArrayDate emptyArrayDateTime emptyArrayFloat32
  emptyArrayFloat64 emptyArrayInt16 emptyArrayInt32 emptyArrayInt64 emptyArrayInt8
  emptyArrayString emptyArrayToSingle emptyArrayUInt16 emptyArrayUInt32 emptyArrayUInt64
  emptyArrayUInt8 extractKeyValuePairs has hasAll hasAny indexOf indexOfAssumeSorted isValidJSON
  JSON_EXISTS JSON_QUERY JSON_VALUE JSONAllPaths JSONAllPathsWithTypes JSONAllValues
  JSONArrayLength JSONDynamicPaths JSONDynamicPathsWithTypes JSONExtract JSONExtractArrayRaw
  JSONExtractArrayRawCaseInsensitive JSONExtractBool JSONExtractBoolCaseInsensitive
  JSONExtractCaseInsensitive JSONExtractFloat JSONExtractFloatCaseInsensitive JSONExtractInt
  JSONExtractIntCaseInsensitive JSONExtractKeys JSONExtractKeysAndValues
  JSONExtractKeysAndValuesCaseInsensitive JSONExtractKeysAndValuesRaw
  JSONExtractKeysAndValuesRawCaseInsensitive JSONExtractKeysCaseInsensitive JSONExtractRaw
  JSONExtractRawCaseInsensitive JSONExtractString JSONExtractStringCaseInsensitive JSONExtractUInt
  JSONExtractUIntCaseInsensitive JSONHas JSONKey JSONLength JSONType length map mapAdd mapAll
  mapApply mapConcat mapContainsKey mapContainsValue mapExists mapFilter mapFromArrays mapKeys
  mapReverseSort mapSort mapSubtract mapValues notEmpty range replicate reverse
  simpleJSONExtractBool simpleJSONExtractFloat simpleJSONExtractInt simpleJSONExtractRaw
  simpleJSONExtractString simpleJSONExtractUInt simpleJSONHas toJSONString tuple tupleConcat
  tupleElement tupleMinus tuplePlus`;

const addresses = `
    cutFragment cutQueryString cutQueryStringAndFragment cutToFirstSignificantSubdomain
  cutURLParameter cutWWW decodeURLComponent domain domainWithoutWWW encodeURLComponent
  extractURLParameter extractURLParameterNames extractURLParameters firstSignificantSubdomain
  fragment generateUUIDv4 generateUUIDv7 geoDistance geohashDecode geohashEncode greatCircleAngle
  greatCircleDistance IPv4CIDRToRange IPv4NumToString IPv4StringToNum IPv4ToIPv6 IPv6CIDRToRange
  IPv6NumToString IPv6StringToNum isIPAddressInRange isIPv4String isIPv6String path pathFull
  pointInEllipses pointInPolygon port protocol queryString queryStringAndFragment
  snowflakeIDToDateTime snowflakeIDToDateTime64 toIPv4 toIPv6 topLevelDomain URLHierarchy
  URLPathHierarchy UUIDv7ToDateTime`;

/** Others. Left out: all that read files, dictionaries, settings or the process, and that wait. */
const others = `
    bar byteSize currentDatabase finalizeAggregation formatReadableDecimalSize
  formatReadableQuantity formatReadableSize formatReadableTimeDelta getSubcolumn identity ignore
  isConstant materialize parseReadableSize parseTimeDelta rowNumberInAllBlocks seriesDecomposeSTL
  seriesOutliersDetectTukey throwIf toTypeName transform variantElement variantType version`;

/** Aggregates and windows. Any combinator may follow: `sumIf`. */
const aggregates = `
    analysisOfVariance any any_respect_nulls anyHeavy anyLast anyLast_respect_nulls approx_top_k
  approx_top_sum argMax argMin avg avgWeighted boundingRatio contingency corr corrStable count
  covarPop covarPopStable covarSamp covarSampStable cramersV cume_dist deltaSum deltaSumTimestamp
  denseRank entropy exponentialMovingAverage exponentialTimeDecayedAvg exponentialTimeDecayedCount
  exponentialTimeDecayedMax exponentialTimeDecayedSum groupArray groupArrayIntersect
  groupArrayLast groupArrayMovingAvg groupArrayMovingSum groupArraySample groupArraySorted
  groupBitAnd groupBitmap groupBitmapAnd groupBitmapOr groupBitmapXor groupBitOr groupBitXor
  groupConcat groupUniqArray histogram intervalLengthSum kurtPop kurtSamp lag lagInFrame
  largestTriangleThreeBuckets lead leadInFrame mannWhitneyUTest max maxIntersections
  maxIntersectionsPosition meanZTest min nth_value ntile percentRank quantile
  quantileDeterministic quantileExact quantileExactHigh quantileExactLow quantileExactWeighted
  quantiles quantilesDeterministic quantilesExact quantilesExactHigh quantilesExactLow
  quantilesExactWeighted quantilesTDigest quantilesTDigestWeighted quantilesTiming quantileTDigest
  quantileTDigestWeighted quantileTiming rank rankCorr retention row_number sequenceCount
  sequenceMatch sequenceMatchEvents simpleLinearRegression singleValueOrNull skewPop skewSamp
  sparkbar stddevPop stddevPopStable stddevSamp stddevSampStable studentTTest
  studentTTestOneSample sum sumCount sumKahan sumMapFiltered sumMapWithOverflow sumWithOverflow
  theilsU topK topKWeighted uniq uniqCombined uniqCombined64 uniqExact uniqHLL12 uniqUpTo varPop
  varPopStable varSamp varSampStable welchTTest windowFunnel`;

/** Other names of aggregates. */
const aggregateAliases = `
    any_value any_value_respect_nulls array_agg BIT_AND BIT_OR BIT_XOR COVAR_POP COVAR_SAMP
  dense_rank first_value first_value_respect_nulls group_concat last_value
  last_value_respect_nulls max_by median medianDeterministic medianExact medianExactHigh
  medianExactLow medianExactWeighted medianTDigest medianTDigestWeighted medianTiming min_by
  percent_rank STD STDDEV STDDEV_POP STDDEV_SAMP string_agg VAR_POP VAR_SAMP`;

/** Other names of other functions. */
const aliases = `
    array_remove array_to_string CARDINALITY ceiling CHAR_LENGTH CHARACTER_LENGTH concat_ws
  curdate   current_database current_date current_timestamp DATABASE date_bin date_diff
  DATE_FORMAT   DATE_TRUNC DAY DAYOFMONTH DAYOFWEEK DAYOFYEAR extractAllGroups FORMAT_BYTES
  FROM_BASE64   FROM_UNIXTIME HOUR instr lcase ln localtimestamp lpad ltrim mapContains mid MINUTE
  mod MONTH   OCTET_LENGTH power QUARTER REGEXP_MATCHES REGEXP_REPLACE replace rpad rtrim SCHEMA
  SECOND   str_to_date substr SUBSTRING_INDEX time_bucket timestamp_diff timestampDiff TO_BASE64
  toStartOfFiveMinute trim truncate ucase unnest UTC_timestamp YEAR`;

const words = (text: string) => text.trim().split(/\s+/);

/** Types with conversions of four kinds each. */
const typed = words(`
  UInt8 UInt16 UInt32 UInt64 UInt128 UInt256 Int8 Int16 Int32 Int64 Int128 Int256 Float32 Float64
  Decimal32 Decimal64 Decimal128 Decimal256 Date Date32 DateTime DateTime64 UUID`)
  .flatMap((type) => ["", "OrNull", "OrZero", "OrDefault"].map((suffix) => `to${type}${suffix}`));

/** Every name of an allowed function, without those that combinators make. */
export const allowedFunctions: readonly string[] = [
  ...[operators, numbers, times, conversions, texts, lists, addresses, others].flatMap(words),
  ...[aggregates, aggregateAliases, aliases].flatMap(words),
  ...typed,
];

/** Some names are the engine's in any case; no two functions differ by case alone. */
const setOf = (names: readonly string[]) => new Set(names.map((name) => name.toLowerCase()));
const known = setOf(allowedFunctions);
const combinable = setOf([aggregates, aggregateAliases].flatMap(words));

/** What may follow the name of an aggregate, once or several times: `uniqExactIfState`. */
const COMBINATOR =
  /(SimpleState|OrDefault|Distinct|Resample|ForEach|ArgMax|ArgMin|OrNull|Tuple|Merge|State|Array|Map|If)$/;

/**
 * Whether a statement may call a function.
 *
 * @param name as a statement has it; combinators may follow.
 * @example
 * ```ts
 * import { isAllowedFunction } from "./sql_functions.ts";
 * if (!isAllowedFunction("sumIfOrNull") || isAllowedFunction("file")) throw new Error("unexpected");
 * ```
 */
export function isAllowedFunction(name: string): boolean {
  if (known.has(name.toLowerCase())) return true;
  for (let base = name, longer = ""; base !== longer;) {
    if (combinable.has(base.toLowerCase())) return true;
    longer = base;
    base = base.replace(COMBINATOR, "");
  }
  return false;
}

/** Functions that may stand in the place of a table, in lower case. */
const tableFunctions = new Set([
  "generate_series",
  "generateseries",
  "numbers",
  "numbers_mt",
  "values",
  "view",
  "sqlstandardvalues", // VALUES (1), (2) in the place of a table
]);

/** Whether a function may stand in the place of a table. */
export function isAllowedTableFunction(name: string): boolean {
  return tableFunctions.has(name.toLowerCase());
}

// Probe for the AWS SDK for Kotlin: one STS client on the default chain, one GetCallerIdentity per line of stdin.
@file:JvmName("Main")

import aws.sdk.kotlin.services.sts.StsClient
import aws.sdk.kotlin.services.sts.getCallerIdentity

private var client: StsClient? = null

suspend fun main() {
    while (readlnOrNull() != null) {
        println(probe())
        System.out.flush()
    }
    client?.close()
}

private suspend fun probe(): String =
    try {
        val sts = client ?: StsClient.fromEnvironment().also { client = it }
        """{"ok":true,"arn":${quote(sts.getCallerIdentity().arn.orEmpty())}}"""
    } catch (e: Exception) {
        """{"ok":false,"error":${quote(describe(e))}}"""
    }

/** What printStackTrace shows, causes and suppressed failures included, without the frames. */
private fun describe(e: Exception): String =
    e.stackTraceToString().lines().map(String::trim)
        .filterNot { it.isEmpty() || Regex("""at \S+\(.*\)|\.\.\. \d+ more""").matches(it) }
        .joinToString(" ")

private fun quote(text: String): String =
    '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace(Regex("\\p{Cntrl}"), " ") + '"'

package org.edgefrac.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.ByteArrayInputStream
import java.io.File
import java.io.FileNotFoundException

/** No file that `edgefrac bundle --app` wrote may differ by a bit. */
class AppAssetsTest {
    private val files: Map<String, ByteArray> = Material.assets.walk().filter { it.isFile }
        .associate { it.relativeTo(Material.assets).path.replace(File.separatorChar, '/') to it.readBytes() }

    private fun opened(files: Map<String, ByteArray>) =
        AppAssets.open { ByteArrayInputStream(files[it] ?: throw FileNotFoundException(it)) }

    @Test
    fun opensWhatIsWhole() {
        val assets = opened(files)
        assertTrue(assets.model in files)
        assertEquals(assets.contract.evidence.values, assets.golden.first().evidence.size)
    }

    @Test
    fun refusesEveryFileThatDiffersInOneBit() {
        for (path in files.keys - "app.json") {
            val tampered = files.getValue(path).copyOf().also { it[it.size / 2] = (it[it.size / 2].toInt() xor 1).toByte() }
            val refusal = assertThrows(path, Refusal::class.java) { opened(files + (path to tampered)) }
            assertTrue(refusal.message, path in refusal.message.orEmpty())
        }
    }

    @Test
    fun refusesFilesThatAreMissingOrCutShort() {
        for (path in files.keys) assertThrows(path, Refusal::class.java) { opened(files - path) }
        for (path in files.keys) assertThrows(path, Refusal::class.java) { opened(files + (path to files.getValue(path).copyOf(10))) }
    }

    @Test
    fun refusesSchemasThatItDoesNotKnow() {
        for (schema in listOf("edgefrac.app/1", "edgefrac.overlay/1")) {
            val app = files.getValue("app.json").decodeToString().replace(schema, schema.dropLast(1) + "2")
            val refusal = assertThrows(Refusal::class.java) { opened(files + ("app.json" to app.encodeToByteArray())) }
            assertTrue(refusal.message, schema in refusal.message.orEmpty())
        }
    }
}

package org.edgefrac.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class PreprocessTest {
    @Test
    fun givesPythonsBytesForRastersOfOddSizes() {
        var differing = 0L
        var compared = 0L
        val rasters = Material.each("preprocess") { row, bytes ->
            val raster = bytes.raster(row)
            val size = row["size"].whole()
            val wanted = bytes.bytes(size * size)
            val found = Preprocess.networkInput(raster, size)
            differing += wanted.indices.count { wanted[it] != found[it] }
            compared += wanted.size
        }
        println("preprocess: $rasters rasters, $compared bytes, $differing differ")
        assertTrue("$rasters rasters", rasters >= 1000)
        assertEquals(0L, differing)
    }

    @Test
    fun takesTheLargestImageWithoutOverflow() {
        val white = Raster(20_000, 7, ByteArray(140_000) { -1 })
        assertEquals(setOf(0.toByte(), (-1).toByte()), Preprocess.networkInput(white, 32).toSet())
    }

    @Test
    fun makesGreyAndTurnsAsPythonDoes() {
        val items = Material.each("grey") { row, bytes ->
            val width = row["width"].whole()
            val height = row["height"].whole()
            val samples = bytes.bytes(4 * width * height)
            val (rows, columns) = row["turned"].items().map { it.whole() }
            val wanted = bytes.bytes(rows * columns)
            fun sample(pixel: Int, channel: Int) = samples[4 * pixel + channel].toInt() and 0xff
            val argb = IntArray(width * height) { (sample(it, 3) shl 24) or (sample(it, 0) shl 16) or (sample(it, 1) shl 8) or sample(it, 2) }
            val builder = GreyBuilder(width, height)
            for (y in 0 until height) builder.add(argb.copyOfRange(y * width, (y + 1) * width), width)
            val found = builder.radiograph(row["orientation"].whole())
            assertEquals(listOf(columns, rows), listOf(found.raster.width, found.raster.height))
            assertArrayEquals(wanted, found.raster.pixels)
            assertEquals(row["chroma"].number(), found.chroma, 1e-12)
        }
        assertTrue(items > 100)
    }
}

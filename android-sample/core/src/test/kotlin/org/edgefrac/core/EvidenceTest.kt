package org.edgefrac.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import kotlin.math.abs

/** Overlay, peak and regions of evidence of any kind, against Python's. */
class EvidenceTest {
    private val display = AppAssets.open(Material.assetSource()).display

    @Test
    fun paintsPythonsPixels() {
        var differing = 0
        val pictures = eachOverlay { case ->
            val found = Overlay(display).painted(case.picture, case.evidence, case.placement, case.bias, case.temperature)
            differing += found.indices.count { index ->
                val colour = (0..2).fold(0xff) { sum, channel -> sum shl 8 or (case.painted[3 * index + channel].toInt() and 0xff) }
                found[index] != colour
            }
        }
        println("overlay: $pictures pictures, $differing pixels differ")
        assertEquals(0, differing)
    }

    @Test
    fun findsPythonsPeak() {
        eachOverlay { case ->
            val (x, y) = case.row["peak"].items().map { it.number() }
            assertEquals(x to y, case.evidence.peak(case.placement))
        }
    }

    @Test
    fun findsPythonsRegions() {
        var count = 0
        eachOverlay { case ->
            val found = Regions(display).of(case.evidence, case.placement, case.bias, case.temperature)
            val wanted = case.row["regions"].items()
            assertEquals(wanted.size, found.size)
            for ((region, row) in found.zip(wanted)) {
                val box = row["box"].items().map { it.number() }
                val off = listOf(region.box.x, region.box.y, region.box.width, region.box.height).zip(box).maxOf { (a, b) -> abs(a - b) }
                assertTrue("a box is off by $off", off < 1e-6)
                assertEquals(row["log_odds"].number(), region.logOdds, 1e-4 * maxOf(1.0, region.logOdds))
                assertEquals(row["share"].number(), region.share, 1e-5)
            }
            count += found.size
        }
        println("regions: $count, all as Python's")
        assertTrue("$count regions", count > 200)
    }

    private class Case(
        val row: Json,
        val picture: Raster,
        val evidence: EvidenceMap,
        val placement: Placement,
        val bias: Double,
        val temperature: Double,
        val painted: ByteArray,
    )

    private fun eachOverlay(use: (Case) -> Unit): Int = Material.each("overlay") { row, bytes ->
        val rows = row["rows"].whole()
        val columns = row["columns"].whole()
        val evidence = EvidenceMap(columns, rows, bytes.floats(rows * columns))
        val picture = bytes.raster(row)
        val painted = bytes.bytes(3 * picture.pixels.size)
        val placement = Placement(picture.width, picture.height, row["size"].whole())
        use(Case(row, picture, evidence, placement, row["bias"].number(), row["temperature"].number(), painted))
    }
}
